import subprocess
import sys

import pytest
from django.conf import settings
from django.core.checks.urls import check_url_config
from django.urls import resolve, reverse

PROGRAM = """
import sys
import django
django.setup()
from django.urls import resolve, reverse
reverse("live"), resolve("/devices/"), reverse("back_office")
print([name for name in ("photohub.api.api", "ninja", "unfold.admin") if name in sys.modules])
print(reverse("admin:index"), resolve("/admin/").app_name, "unfold.admin" in sys.modules, "ninja" in sys.modules)
print(resolve("/api/v1/status").namespace, "ninja" in sys.modules)
"""


def test_pages_load_neither_api_nor_back_office_until_somebody_asks_for_them(tmp_path):
    command = [sys.executable, "-c", PROGRAM]
    env = {"DJANGO_SETTINGS_MODULE": "photohub.settings", "PHOTOHUB_DATA": str(tmp_path / "data")}
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["[]", "/admin/ admin True False", "api True"], done.stderr


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("admin:index", "/admin/"),
        ("admin:devices_device_changelist", "/admin/devices/device/"),
        ("api:openapi-json", "/api/v1/openapi.json"),
    ],
)
def test_they_are_found_by_name_and_by_address(name, address):
    assert reverse(name) == address
    assert resolve(address).view_name == name


def test_a_link_to_the_back_office_loads_nothing_and_leads_there():
    assert reverse("back_office") == reverse("admin:index") and check_url_config(None) == []
