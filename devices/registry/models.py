"""Devices, their keys and broker accounts."""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.db.models.lookups import IsNull
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.groups import DeviceGroup
from devices.access.models import DeviceInGroup, devices_in, visible_devices
from devices.protocol.battery import LOW_BATTERY_PERCENT, percent_of_battery
from photohub.lib.database.db import inline
from photohub.lib.ids import new_id

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

CODE_PATTERN = r"^[a-z0-9][a-z0-9-]{1,31}$"
CODE_RULE = _("2 to 32 lowercase letters, digits and dashes, starting with a letter or digit.")


class Publisher(models.TextChoices):
    DEVICE = "device", _("the device itself")
    HUB = "hub", _("the hub")


class LinkState(models.TextChoices):
    """What the MQTT broker last said about the device's connection."""

    UNKNOWN = "unknown", _("never seen on MQTT")
    CONNECTED = "connected", _("connected")
    LOST = "lost", _("disconnected")


# Devices of this profile have a row of their own with what only panels have.
PANEL = "panel"
# A simulated one runs firmware and has no camera; a real one may have.
BOARD = "esp8266-stm32"


class DeviceQuerySet(models.QuerySet):
    def visible_to(self, user) -> "DeviceQuerySet":
        """Keep the devices that this person may look at."""
        return visible_devices(self, user)

    def in_groups(self, groups) -> "DeviceQuerySet":
        """Keep the devices of these groups, each once."""
        return self.filter(pk__in=devices_in(groups))

    def cameras(self) -> "DeviceQuerySet":
        """Keep what is offered as a camera: every device but panels, and the demo's boards, that never sent a picture."""
        pictureless = Q(profile=PANEL) | Q(profile=BOARD, simulated=True)
        return self.filter(~pictureless | Q(has_picture()))

    def taking_commands(self) -> "DeviceQuerySet":
        """Keep the cameras that can be given orders: over MQTT, or in the answers to their uploads."""
        return self.exclude(command_topic="", one_wake=False)

    def panels(self) -> "DeviceQuerySet":
        """Keep the devices that show pictures: sent in packets, or fetched by themselves."""
        return self.filter(takes_packets() | Q(panel__isnull=False))


class PresentDevices(models.Manager.from_queryset(DeviceQuerySet)):
    """All devices but those that are being removed. Whoever asks for devices asks here."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(removed_at=None)


def has_picture() -> IsNull:
    """Say to the database whether a device has a picture, by one step along the index of the device's pictures.

    With `Exists` PostgreSQL expects to meet one soon, and walks all pictures for each device that has none.
    """
    # The pictures' room hangs its rows on the device; here only whether there is one.
    sent = Device.objects.filter(pk=OuterRef("pk"), captures__isnull=False, captures__trashed_at=None)
    newest_first = sent.order_by("-captures__received_at", "-captures__id")
    return IsNull(Subquery(newest_first.values("captures__received_at")[:1]), False)


def takes_packets(path: str = "") -> Q:
    """Say `Device.takes_packets` to the database; `path` leads from the rows that are asked for to the device."""
    return ~Q(**{f"{path}picture_topic": ""}) & ~Q(**{f"{path}picture_ack_topic": ""})


class LastingLinks(models.TextChoices):
    """Whether a device's pictures have lasting links for people without an account."""

    AS_HUB = "", _("as the hub is set")
    ON = "on", _("yes")
    OFF = "off", _("no")


class Device(models.Model):
    """A camera or a panel: its public name, its topics and habits, and what was last heard of it."""

    # What rooms above hang onto a device; their foreign keys make these.
    captures: "RelatedManager[Any]"
    commands: "RelatedManager[Any]"
    deliveries: "RelatedManager[Any]"
    events: Any
    playlist: "RelatedManager[Any]"
    rollout_targets: "RelatedManager[Any]"
    troubles: Any
    # A new device's secrets, which no row holds.
    key: str
    device_secret: str | None
    # What some queries add to a row.
    has_key: bool
    key_used_at: datetime | None
    capture_pk: uuid.UUID | None
    command_pk: uuid.UUID | None
    group_names: list[str]

    code = models.CharField(max_length=32, unique=True, validators=[RegexValidator(CODE_PATTERN, CODE_RULE)])
    name = models.CharField(max_length=80)
    profile = models.CharField(max_length=32)
    groups = models.ManyToManyField(DeviceGroup, through=DeviceInGroup, blank=True, related_name="devices")
    # What hubs knew before a device could be in several: read by their processes while an upgrade goes on, and by nobody here.
    former_group = models.ForeignKey(
        DeviceGroup,
        db_column="group_id",
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    enabled = models.BooleanField(default=True)
    pinned = models.BooleanField(default=False)
    simulated = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    # How it is spoken to. An empty topic means that the device does not use it.
    command_topic = models.CharField(max_length=200, blank=True)
    result_topic = models.CharField(max_length=200, blank=True)
    frame_topic = models.CharField(max_length=200, blank=True)
    picture_topic = models.CharField(max_length=200, blank=True)
    picture_ack_topic = models.CharField(max_length=200, blank=True)
    action_as_string = models.BooleanField(default=False)
    result_publisher = models.CharField(max_length=8, choices=Publisher, default=Publisher.DEVICE)
    command_timeout_s = models.PositiveIntegerField(default=30)
    ack_base = models.PositiveSmallIntegerField(default=0)
    stream_policy = models.CharField(max_length=32, default="on_demand")
    # For cameras that are servers: the hub fetches from here.
    pull_url = models.CharField(max_length=300, blank=True)
    pull_interval_s = models.PositiveIntegerField(default=10)
    # SHA-256 of the certificate that its owner trusts, where no authority signed it.
    pull_fingerprint = models.CharField(max_length=64, blank=True)
    modules = models.JSONField(default=dict, blank=True)
    # Which board revision it is, where firmware differs by it.
    hardware = models.CharField(max_length=64, blank=True)

    lasting_links = models.CharField(
        max_length=4, choices=LastingLinks, default=LastingLinks.AS_HUB, blank=True
    )

    # Ways in for firmware that sends no key.
    issued_name_upload = models.BooleanField(default=False)
    allowed_network = models.CharField(max_length=64, blank=True)

    # The Aliyun form of the same identity.
    product_key = models.CharField(max_length=64, blank=True)
    device_name = models.CharField(max_length=64, blank=True)
    # Its firmware comes block by block over MQTT instead of by a link.
    firmware_over_mqtt = models.BooleanField(default=False)
    device_secret_encrypted = models.BinaryField(null=True, blank=True, editable=False)

    # What was last heard of it.
    link_state = models.CharField(max_length=12, choices=LinkState, default=LinkState.UNKNOWN, editable=False)
    link_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Whether it was subscribed to its command topic when it was last connected; None: nobody has looked.
    listens = models.BooleanField(null=True, editable=False)
    last_address = models.CharField(max_length=64, blank=True, editable=False)
    reporting_interval_s = models.PositiveIntegerField(default=300)
    # The answers to its uploads carry all that it needs in one wake.
    one_wake = models.BooleanField(default=False, db_default=False)
    battery_mv = models.PositiveIntegerField(null=True, blank=True, editable=False)
    rssi_dbm = models.SmallIntegerField(null=True, blank=True, editable=False)
    free_heap_bytes = models.PositiveIntegerField(null=True, blank=True, editable=False)
    firmware_version = models.CharField(max_length=64, blank=True, editable=False)
    # hawkBit's device API asks it what it is, until it has answered.
    config_wanted = models.BooleanField(default=True)
    # Nobody sees it from then on, while its rows and files go (`registry.removing`).
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # A manager has the methods of its query set, which its type does not say.
    objects = cast(DeviceQuerySet, PresentDevices())
    everything = DeviceQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("device"), _("devices")
        ordering = ["name", "code"]
        constraints = [
            # An inbound topic tells who sent, so no two devices may hold the same one.
            models.UniqueConstraint(
                fields=["result_topic"], condition=~Q(result_topic=""), name="one_device_per_result_topic"
            ),
            models.UniqueConstraint(
                fields=["frame_topic"], condition=~Q(frame_topic=""), name="one_device_per_frame_topic"
            ),
            models.UniqueConstraint(
                fields=["picture_ack_topic"],
                condition=~Q(picture_ack_topic=""),
                name="one_device_per_picture_ack_topic",
            ),
            # A command on a shared topic would make every camera on it take the picture.
            models.UniqueConstraint(
                fields=["command_topic"], condition=~Q(command_topic=""), name="one_device_per_command_topic"
            ),
            models.UniqueConstraint(
                fields=["product_key", "device_name"],
                condition=~Q(product_key=""),
                name="one_device_per_product_and_name",
            ),
            models.CheckConstraint(condition=Q(ack_base__in=(0, 1)), name="ack_base_is_0_or_1"),
        ]
        indexes = [
            models.Index(fields=["last_seen_at"], name="devices_by_last_seen"),
            models.Index(
                fields=["link_changed_at"], condition=Q(link_state="lost"), name="devices_by_lost_link"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.code

    @property
    def online(self) -> bool:
        """Tell whether the device can be reached: the broker's word, else how lately it was heard."""
        if self.link_state == LinkState.CONNECTED:
            return True
        if self.last_seen_at is None:
            return False
        # Lost, or lost before nobody heard the broker for a while: not heard since.
        # What lies in the future was noted by a clock that jumped since, and says nothing.
        now = timezone.now()
        if self.link_changed_at and self.last_seen_at <= self.link_changed_at <= now:
            return False
        patience_s = 60 if self.link_state == LinkState.LOST else self.reporting_interval_s * 1.5 + 15
        return abs(now - self.last_seen_at) < timedelta(seconds=patience_s)

    @property
    def presence(self) -> str:
        """Say whether it is there: off, connected, online, lost, unheard or never."""
        if not self.enabled:
            return "off"
        if self.online:
            return (
                "connected" if self.link_state == LinkState.CONNECTED and self.link_changed_at else "online"
            )
        if self.last_seen_at is None:
            return "never"
        return "lost" if self.link_state == LinkState.LOST and self.link_changed_at else "unheard"

    @property
    def presence_since(self) -> datetime | None:
        """Return since when it is connected, lost or unheard."""
        since = {
            "connected": self.link_changed_at,
            "lost": self.link_changed_at,
            "unheard": self.last_seen_at,
        }
        return since.get(self.presence)

    @property
    def battery_percent(self) -> int | None:
        """How full the battery is; None where its voltage is not that of one or two lithium cells."""
        return percent_of_battery(self.battery_mv or 0)

    @property
    def battery_is_low(self) -> bool:
        percent = self.battery_percent
        return percent is not None and percent < LOW_BATTERY_PERCENT

    @property
    def is_camera(self) -> bool:
        """Tell whether its pages are those of a camera: all but panels that never sent a picture."""
        return self.profile != PANEL or Device.objects.filter(pk=self.pk).cameras().exists()

    @property
    def takes_commands(self) -> bool:
        """Tell whether it can be given orders: over MQTT, or in the answers to its uploads."""
        return bool(self.command_topic) or self.one_wake

    @property
    def takes_packets(self) -> bool:
        """Tell whether pictures are pushed to it over MQTT, in packets."""
        return bool(self.picture_topic and self.picture_ack_topic)

    @property
    def takes_pictures(self) -> bool:
        """Tell whether pictures can be sent to it: in packets, or for it to fetch."""
        return self.takes_packets or Panel.objects.filter(device=self).exists()


class DeviceKey(models.Model):
    """One secret of a device. Two may live at once, so that a key can be changed without locking the device out."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="keys")
    prefix = models.CharField(max_length=8, db_index=True)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("device key"), _("device keys")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.prefix}…"


class BrokerAccountQuerySet(models.QuerySet):
    def to_tell(self) -> "BrokerAccountQuerySet":
        """Keep the accounts that the broker has to be told of, by their partial index."""
        return self.filter(state=inline(BrokerAccount.State.PENDING))


class BrokerAccount(models.Model):
    """An account that an outside broker should have: the row is the queue of changes to tell it.

    The secret is kept encrypted only until the broker has taken it.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("waiting to be sent to the broker")
        SYNCED = "synced", _("in step")
        NEEDS_KEY = "needs_key", _("a new key is needed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(max_length=150, unique=True)
    device = models.ForeignKey(Device, null=True, on_delete=models.CASCADE, related_name="broker_accounts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    wanted = models.BooleanField(default=True)
    secret_encrypted = models.BinaryField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)
    # What the role held when the broker took it (`fingerprint_of`): an upgrade that gives accounts more topics is seen.
    role_fingerprint = models.CharField(max_length=64, blank=True)

    objects = BrokerAccountQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("broker account"), _("broker accounts")
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="pending"), name="broker_accounts_to_tell")
        ]

    def __str__(self) -> str:
        return self.username


class Panel(models.Model):
    """What only devices that show pictures have: how they want them, and what they show now."""

    device = models.OneToOneField(Device, primary_key=True, on_delete=models.CASCADE, related_name="panel")
    render_profile = models.ForeignKey(
        "devices.RenderProfile", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Packets on their way at once; more than one only for devices that keep the order themselves.
    window = models.PositiveSmallIntegerField(default=1)
    # How long a panel that fetches should sleep, and the address by which its set-up names itself.
    poll_interval_s = models.PositiveIntegerField(default=900)
    hardware_address = models.CharField(max_length=17, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    playlist_index = models.PositiveIntegerField(default=0, editable=False)

    shown_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    shown_content_type = models.CharField(max_length=40, blank=True, editable=False)
    shown_label = models.CharField(max_length=200, blank=True, editable=False)
    shown_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What was handed out last and not yet confirmed by the panel's next request.
    handed_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    handed_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_poll_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("panel"), _("panels")
        constraints = [
            models.UniqueConstraint(
                fields=["hardware_address"], condition=~Q(hardware_address=""), name="one_panel_per_address"
            ),
            models.CheckConstraint(condition=Q(window__gte=1, window__lte=32), name="window_is_1_to_32"),
        ]

    def __str__(self) -> str:
        return str(self.device)
