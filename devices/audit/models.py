"""One thing that a person did. Rows are written once and never changed; they go by age alone."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from photohub.lib.pages.sentences import say


class Word(models.TextChoices):
    """What was done."""

    LOGGED_IN = "logged_in", _("logged in")
    LOGGED_OUT = "logged_out", _("logged out")
    INVITED = "invited", _("invited")
    ADDED = "added", _("added")
    CHANGED = "changed", _("changed")
    DELETED = "deleted", _("deleted")
    RESTORED = "restored", _("restored")
    REVOKED = "revoked", _("revoked")
    REQUESTED = "requested", _("requested")
    CANCELLED = "cancelled", _("cancelled")
    SENT = "sent", _("sent")
    FLASHED = "flashed", _("began")
    SHARED = "shared", _("shared")


class Kind(models.TextChoices):
    """To what it was done."""

    PERSON = "person", _("person")
    GROUP = "group", _("group")
    SESSION = "session", _("session")
    TOKEN = "token", _("API token")
    SECOND_FACTOR = "second_factor", _("second factor")
    DEVICE = "device", _("device")
    DEVICE_KEY = "device_key", _("device key")
    PICTURE = "picture", _("picture")
    DELIVERY = "delivery", _("picture for a panel")
    PLAYLIST = "playlist", _("playlist")
    RENDER_PROFILE = "render_profile", _("render profile")
    RULE = "rule", _("rule")
    SCHEDULE = "schedule", _("schedule")
    ALERT_RULE = "alert_rule", _("rule of alerts")
    CHANNEL = "alert_channel", _("channel of alerts")
    SHARE = "share", _("link")
    TIME_LAPSE = "time_lapse", _("time-lapse")
    FIRMWARE = "firmware", _("firmware")
    SIGNING_KEY = "signing_key", _("signing key")
    ROLLOUT = "rollout", _("rollout")
    HUB = "hub", _("hub")
    TABLE_ROW = "row", _("row of the back office")


class AuditEntry(models.Model):
    """Who did what to what. Names are kept as they were, so an entry outlives its person and its object."""

    at = models.DateTimeField(default=timezone.now)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    person_name = models.CharField(max_length=150)
    # The API token or the command of the shell that it came by; empty: the pages.
    via = models.CharField(max_length=80, blank=True)
    address = models.CharField(max_length=64, blank=True)
    word = models.CharField(max_length=16, choices=Word)
    kind = models.CharField(max_length=16, choices=Kind)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    details = models.CharField(max_length=300, blank=True)
    # What the details are made of (`lib.said`).
    details_said = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("audit entry"), _("audit log")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(fields=["person_name", "-at", "-id"], name="audit_by_person"),
            models.Index(fields=["word", "-at", "-id"], name="audit_by_word"),
            models.Index(fields=["object_id", "-at", "-id"], name="audit_by_object"),
            # Who deletes an account has its entries found.
            models.Index(fields=["person"], name="audit_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.person_name} {self.word} {self.kind} {self.object_name}"

    @property
    def deed(self) -> str:
        """What was done to what kind of thing, in the language that is active."""
        word = str(Word(self.word).label) if self.word in Word.values else self.word
        if self.word in (Word.LOGGED_IN, Word.LOGGED_OUT):
            return word
        kind = str(Kind(self.kind).label) if self.kind in Kind.values else self.kind
        return gettext("%(word)s %(kind)s") % {"word": word, "kind": kind}

    @property
    def text(self) -> str:
        """The details in the language that is active."""
        return say(self.details_said, self.details)
