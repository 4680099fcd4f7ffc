"""Groups of devices: what a role of a person is for, and which of their names he may know."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from .models import DeviceInGroup, groups_of
from .rights import sees_all

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class DeviceGroupQuerySet(models.QuerySet):
    def visible_to(self, user) -> "DeviceGroupQuerySet":
        """Keep the groups whose names this person may know: his own, or all where he sees every device."""
        return self if sees_all(user) else self.filter(pk__in=groups_of(user))

    def holding(self, devices: models.QuerySet) -> "DeviceGroupQuerySet":
        """Keep the groups in which one of these devices is."""
        return self.filter(
            pk__in=DeviceInGroup.objects.filter(device__in=devices.values("pk")).values("group")
        )


def known_to(user) -> models.QuerySet[DeviceInGroup]:
    """Return which device is in which group, of the groups whose names the person may know."""
    rows = DeviceInGroup.objects.all()
    return rows if sees_all(user) else rows.filter(group__in=groups_of(user))


class DeviceGroup(models.Model):
    """Devices that people look at, or are allowed to see, together."""

    # By the devices' own table.
    devices: "RelatedManager[Any]"

    name = models.CharField(max_length=80, unique=True)
    # Where it stands among the groups; those that nobody put somewhere stand last, by name.
    position = models.PositiveIntegerField(null=True, blank=True, editable=False)

    objects = DeviceGroupQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("group"), _("groups")
        ordering = [models.F("position").asc(nulls_last=True), "name"]

    def __str__(self) -> str:
        return self.name
