"""What a camera should be and what it says that it is: one row for each, and the row is the queue."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.registry.models import Device
from photohub.lib.database.db import inline_all


class WishState(models.TextChoices):
    NONE = "none", _("nothing was asked for")
    WAITING = "waiting", _("waiting until the camera is there")
    SENT = "sent", _("the camera was told")
    APPLIED = "applied", _("the camera has it")
    REFUSED = "refused", _("the camera refused a part")
    UNANSWERED = "unanswered", _("the camera did not answer")


class RestartState(models.TextChoices):
    NONE = "none", _("nobody asked")
    WAITING = "waiting", _("waiting until the camera is there")
    SENT = "sent", _("the camera was told")
    DONE = "done", _("the camera started again")
    EXPIRED = "expired", _("the camera did not say that it started again")


class CameraSettingsQuerySet(models.QuerySet):
    def wished(self) -> "CameraSettingsQuerySet":
        """Keep those of which the camera does not have all yet, by their partial index."""
        return self.filter(wish_state__in=inline_all(CameraSettings.OPEN_WISHES))

    def restarting(self) -> "CameraSettingsQuerySet":
        """Keep those whose restart has not ended, by their partial index."""
        return self.filter(restart_state__in=inline_all(CameraSettings.OPEN_RESTARTS))


class CameraSettings(models.Model):
    """Desired and reported settings of one camera, and its last restart from afar."""

    OPEN_WISHES = (WishState.WAITING, WishState.SENT)
    OPEN_RESTARTS = (RestartState.WAITING, RestartState.SENT)
    SETTLED = (WishState.APPLIED, WishState.REFUSED)
    # What the camera has not taken up, whether or not it is still told over MQTT.
    UNSETTLED = (*OPEN_WISHES, WishState.UNANSWERED)

    device = models.OneToOneField(
        Device, primary_key=True, on_delete=models.CASCADE, related_name="camera_settings"
    )
    # Its owner says that its program understands them; one that has reported need not be vouched for.
    understood = models.BooleanField(default=False)

    desired = models.JSONField(default=dict, blank=True)
    # Grows with every change, and is what the camera names when it has taken the wish up.
    version = models.PositiveIntegerField(default=0)
    wish_state = models.CharField(max_length=12, choices=WishState, default=WishState.NONE)
    wished_at = models.DateTimeField(default=timezone.now)
    # The connection in which it was said last: it is said once in each.
    said_on = models.DateTimeField(null=True, blank=True)
    said_times = models.PositiveSmallIntegerField(default=0)

    reported = models.JSONField(default=dict, blank=True)
    reported_version = models.PositiveIntegerField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)
    refused = models.JSONField(default=dict, blank=True)
    # Which settings the camera says that it knows; empty: it did not say.
    known = models.JSONField(default=list, blank=True)

    restart_name = models.CharField(max_length=49, blank=True)
    restart_state = models.CharField(max_length=12, choices=RestartState, default=RestartState.NONE)
    restart_at = models.DateTimeField(default=timezone.now)
    restart_until = models.DateTimeField(default=timezone.now)

    objects = CameraSettingsQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("camera settings"), _("camera settings")
        indexes = [
            models.Index(
                fields=["wished_at"],
                condition=Q(wish_state__in=("waiting", "sent")),
                name="camera_settings_to_say",
            ),
            models.Index(
                fields=["restart_until"],
                condition=Q(restart_state__in=("waiting", "sent")),
                name="restarts_that_may_expire",
            ),
        ]

    def __str__(self) -> str:
        return str(self.device)

    @property
    def is_understood(self) -> bool:
        """Tell whether the camera's program understands settings, by its own word or its owner's."""
        return self.understood or self.reported_at is not None

    @property
    def names(self) -> list[str]:
        """Return which settings may be wished of it, where it said so."""
        return list(self.known)
