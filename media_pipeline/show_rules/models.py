"""Rules that show a camera's pictures on panels, and what each run of one came to."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from devices.panels.deliveries.models import Delivery
from devices.registry.models import Device
from photohub.lib.ids import new_id
from photohub.lib.pages.sentences import say


class ShowRule(models.Model):
    """When `camera` takes a picture, show it on `panels`. The row is the queue: it says how far it has looked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80, unique=True)
    camera = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="show_rules")
    panels = models.ManyToManyField(Device, related_name="shown_by_rules")
    # May hold {camera} and {time}.
    caption = models.CharField(max_length=200, blank=True)
    # A render profile's name; empty: each panel's own.
    render = models.CharField(max_length=40, blank=True)
    # Pictures that came in longer ago are not shown any more; 0: however old.
    only_fresh_s = models.PositiveIntegerField(default=600)
    min_interval_s = models.PositiveIntegerField(default=0)
    # Only pictures that answer a command.
    only_asked = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Pictures that were stored before are none of its business.
    since_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_until = models.DateTimeField(default=timezone.now, editable=False)
    last_shown_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("rule"), _("rules")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class RunState(models.TextChoices):
    SHOWN = "shown", _("sent to its panels")
    SKIPPED = "skipped", _("not shown")
    FAILED = "failed", _("failed")


class ShowRun(models.Model):
    """What a rule made of one picture."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rule = models.ForeignKey(ShowRule, on_delete=models.CASCADE, related_name="runs")
    capture_id: uuid.UUID
    capture = models.ForeignKey("media_pipeline.Capture", on_delete=models.CASCADE, related_name="show_runs")
    state = models.CharField(max_length=8, choices=RunState)
    # A stable word for programs, and the same for people.
    reason_word = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    reason_said = models.JSONField(default=dict, blank=True)
    deliveries = models.ManyToManyField(Delivery, related_name="show_runs")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("run of a rule"), _("runs of rules")
        ordering = ["-at", "-id"]
        constraints = [
            # Two workers that find the same picture show it once.
            models.UniqueConstraint(fields=["rule", "capture"], name="a_rule_runs_once_for_a_picture"),
        ]
        indexes = [models.Index(fields=["rule", "-at", "-id"], name="runs_of_a_rule")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.state}"

    @property
    def reason_text(self) -> str:
        """Why it was not shown, in the language that is active."""
        return say(self.reason_said, self.reason)
