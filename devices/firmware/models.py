"""Firmware images, what is known of them, and the public keys that their signatures are checked by."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.protocol.firmware.manifest import key_id
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import say


class SigningKey(models.Model):
    """An Ed25519 public key that firmware may be signed with. The private half never comes here."""

    name = models.CharField(max_length=80)
    public_key = models.CharField(max_length=64, unique=True)  # 32 bytes in hex
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("signing key"), _("signing keys")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def fingerprint(self) -> str:
        """Return the name of the key, as it stands in signature files and as people compare it."""
        return key_id(bytes.fromhex(self.public_key))


class FirmwareState(models.TextChoices):
    STORED = "stored", _("stored")
    PUBLISHED = "published", _("published")
    BROKEN = "broken", _("damaged: its bytes are not those that were uploaded")


class Firmware(models.Model):
    """One image for one module of one product, with the facts that a device checks it by.

    The file lies in the firmware folder under its SHA-256, so its name is what it must hash to.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.CharField(max_length=64)
    hardware = models.CharField(max_length=64, blank=True)
    module = models.CharField(max_length=64, default="default")
    version = models.CharField(max_length=64)
    # Only ever goes up: a device is not offered a lower one than it has, unless an owner overrides it.
    counter = models.PositiveBigIntegerField(default=0)
    file_name = models.CharField(max_length=120, blank=True)
    size_bytes = models.PositiveBigIntegerField()
    md5 = models.CharField(max_length=32)
    sha1 = models.CharField(max_length=40, blank=True)
    sha256 = models.CharField(max_length=64)
    # The canonical manifest as it was signed, and the signature over exactly these bytes.
    manifest = models.TextField(blank=True)
    signature = models.BinaryField(null=True, blank=True)
    signing_key = models.ForeignKey(
        SigningKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=12, choices=FirmwareState, default=FirmwareState.STORED)
    problem = models.CharField(max_length=300, blank=True)
    problem_said = models.JSONField(default=dict, blank=True)
    note = models.TextField(blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("firmware image"), _("firmware images")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "hardware", "module", "version"], name="one_image_per_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.module} {self.version}"

    @property
    def problem_text(self) -> str:
        """What is wrong with its bytes, in the language that is active."""
        return say(self.problem_said, self.problem)

    @property
    def signed(self) -> bool:
        return bool(self.signature)
