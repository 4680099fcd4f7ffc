"""Ways to a person or to the people who look after the hub. Whatever opens one is encrypted."""

from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.access.rights import is_owner
from photohub.lib.encryption import decrypt, encrypt
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import say

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class ChannelKind(models.TextChoices):
    SERVICE = "service", _("a service")
    WEBHOOK = "webhook", _("a webhook")
    PUSH = "push", _("this browser")


class OwnedQuerySet(models.QuerySet):
    """Rows of one person each, or of the hub, which its owners look after."""

    def seen_by(self, user) -> Self:
        """Keep the person's own; an owner has those of the hub as well."""
        if not getattr(user, "is_active", False):
            return self.none()
        own = Q(user=user)
        return self.filter(own | Q(user=None) if is_owner(user) else own)


class AlertChannel(models.Model):
    """One way: the address is encrypted, `shown` says as much of it as people may read."""

    user_id: int | None
    # What rooms above hang onto a channel; their foreign keys make these.
    rules: "RelatedManager[Any]"
    messages: "RelatedManager[Any]"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Nobody's: the hub's own.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=ChannelKind)
    name = models.CharField(max_length=80)
    service = models.CharField(max_length=24, blank=True)
    address_encrypted = models.BinaryField(editable=False)
    # What a webhook's messages are signed with.
    secret_encrypted = models.BinaryField(null=True, blank=True, editable=False)
    # Of a browser's address, so that one that asks again is the same one.
    address_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    shown = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=12, default="en")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    # What the other side said last, and why it did not work.
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)
    answer = models.CharField(max_length=300, blank=True, editable=False)
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.CharField(max_length=300, blank=True, editable=False)
    error_said = models.JSONField(default=dict, blank=True, editable=False)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("channel"), _("channels")
        ordering = ["name", "created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "address_sha256"],
                condition=~Q(address_sha256=""),
                name="one_channel_per_browser",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str | None:
        """The address; None when it was encrypted under another key of the hub."""
        return decrypt(self.address_encrypted)

    @property
    def secret(self) -> str | None:
        return decrypt(self.secret_encrypted) if self.secret_encrypted else None

    def seal(self, address: str, secret: str = "") -> None:
        """Keep what opens the way."""
        self.address_encrypted = encrypt(address)
        self.secret_encrypted = encrypt(secret) if secret else None

    @property
    def error_text(self) -> str:
        """Why it does not work, in the language that is active; empty while it does."""
        if self.failed_at is None or (self.answered_at and self.answered_at > self.failed_at):
            return ""
        return say(self.error_said, self.error)
