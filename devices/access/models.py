"""Who may do what: memberships of people, the groups of devices, tokens of people's programs."""

from collections.abc import Iterable
from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    OWNER = "owner", _("owner: everything")
    OPERATOR = "operator", _("operator: views and controls")
    VIEWER = "viewer", _("viewer: views only")


class Membership(models.Model):
    """A person's role, for all devices or for those of one group."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    group = models.ForeignKey("devices.DeviceGroup", null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        verbose_name, verbose_name_plural = _("membership"), _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "group"], name="one_role_per_person_and_group"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(group=None), name="one_general_role_per_person"
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.OWNER) | Q(group=None), name="owners_own_everything"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


class DeviceInGroup(models.Model):
    """A device of a group; it may be in several."""

    # The constraint's index has the devices of a group.
    group = models.ForeignKey("devices.DeviceGroup", on_delete=models.CASCADE, db_index=False)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="in_groups")

    class Meta:
        verbose_name, verbose_name_plural = _("device of a group"), _("devices of groups")
        constraints = [models.UniqueConstraint(fields=["group", "device"], name="once_in_each_group")]

    def __str__(self) -> str:
        return f"{self.group}: {self.device}"


def devices_in(groups) -> models.QuerySet:
    """Return the keys of the devices that are in any of these groups, for `__in`.

    Never by a join, which would give what belongs to a device of two groups twice.
    """
    return DeviceInGroup.objects.filter(group__in=groups).values("device")


class Invitation(models.Model):
    """What the newest link of a person, by which he sets a password, is made with: the links before it end."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    word = models.CharField(max_length=32)
    made_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name, verbose_name_plural = _("invitation"), _("invitations")

    def __str__(self) -> str:
        return str(self.user)


class BrowserSession(models.Model):
    """A browser in which somebody is logged in: what it was when it was last seen."""

    # What a page says of it.
    is_this: bool = False
    browser: str = ""

    # Django's own table of sessions has no people; the key is never shown.
    session_key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("session"), _("sessions")

    def __str__(self) -> str:
        return str(self.user)


class Scope(models.TextChoices):
    READ = "read", _("view devices and pictures")
    COMMAND = "command", _("command devices")
    MANAGE = "manage", _("manage devices")


class ApiToken(models.Model):
    """A program's secret. It can do what its person may do, within its scopes."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=8, db_index=True)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("API token"), _("API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class DeviceRemoval(models.Model):
    """A device that is being removed: nobody sees it any more, and its rows and files go a little at a time.

    The row is the queue; the device goes last, and this with it.
    """

    device = models.OneToOneField(
        "devices.Device", primary_key=True, on_delete=models.CASCADE, related_name="removal"
    )
    # As people knew it: the device itself has given its code free.
    code = models.CharField(max_length=32)
    name = models.CharField(max_length=80)
    asked_at = models.DateTimeField(default=timezone.now)
    # Counted when the work begins; none where everything went at once.
    pictures_total = models.PositiveBigIntegerField(null=True)
    pictures_gone = models.PositiveBigIntegerField(default=0)
    # A worker's that clears it now.
    lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("removal of a device"), _("removals of devices")

    def __str__(self) -> str:
        return self.code


Rows = TypeVar("Rows", bound=models.QuerySet)


def without_removed(rows: Rows, device: str = "device") -> Rows:
    """Leave out what belongs to devices that are being removed; `device` leads from the row to its device.

    A subquery and not a join, so that the rows are walked along their own indexes as ever.
    """
    return rows.exclude(**{f"{device}__in": DeviceRemoval.objects.values("pk")})


def memberships_of(user) -> list[tuple[str, int | None]]:
    """Return the person's roles, each with its group. One query per request: they are kept on the user."""
    if not hasattr(user, "membership_list"):
        user.membership_list = list(Membership.objects.filter(user=user).values_list("role", "group_id"))
    return user.membership_list


def groups_of(user) -> set[int]:
    """Return the groups in which the person has a role."""
    if not getattr(user, "is_active", False):
        return set()
    return {group for _role, group in memberships_of(user) if group is not None}


class _Shared:
    """What is known for one request of which groups a person shares with which devices."""

    def __init__(self, user) -> None:
        self._rows = DeviceInGroup.objects.filter(group__in=groups_of(user))
        self._groups: dict[int, set[int]] = {}
        self._has_all = False

    def of(self, device: int) -> set[int]:
        """Return the groups that both are in. One device is asked for alone; with the second, all are looked up."""
        if device not in self._groups and not self._has_all:
            if self._groups:
                self._read(self._rows)
                self._has_all = True
            else:
                self.read([device])
        return self._groups.get(device, set())

    def read(self, devices: Iterable[int]) -> None:
        """Look these devices up at once."""
        wanted = [device for device in devices if device not in self._groups]
        if wanted and not self._has_all:
            self._groups |= {device: set() for device in wanted}
            self._read(self._rows.filter(device__in=wanted))

    def _read(self, rows: models.QuerySet) -> None:
        for device, group in rows.values_list("device", "group"):
            self._groups.setdefault(device, set()).add(group)


def shared_with(user) -> _Shared:
    """Return what is known of the person's groups; it is kept on the user, so for one request."""
    if not hasattr(user, "shared_groups"):
        user.shared_groups = _Shared(user)
    return user.shared_groups


def visible_devices(devices: Rows, user, path: str = "", roles: tuple[Role, ...] = ()) -> Rows:
    """Keep the rows whose device the person may look at, or for which he has one of `roles`.

    `path` leads from the row to its device ("device__"); without one the rows are devices, of which `Device.objects`
    has none that is being removed. Who may see all gets the rows without a condition that the database would ask of each,
    and that would hide from it how few it has to read.
    """
    if not getattr(user, "is_active", False):
        return devices.none()
    devices = without_removed(devices, path.removesuffix("__")) if path else devices
    if user.is_superuser:
        return devices
    groups = {group for role, group in memberships_of(user) if not roles or role in roles}
    if None in groups:
        return devices
    return devices.filter(**{f"{path.removesuffix('__') or 'pk'}__in": devices_in(groups)})


class OfDevices(models.QuerySet):
    """Rows that belong to a device each."""

    def visible_to(self, user) -> Self:
        """Keep the rows of devices that the person may look at."""
        return visible_devices(self, user, "device__")
