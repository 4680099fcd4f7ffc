"""The addresses of the back office, for `photohub.urls`: only now its tables are registered."""

from django.contrib import admin

admin.autodiscover()
urlpatterns, app_name, namespace = admin.site.urls
