"""Making channels and rules for tests, with plain functions."""

from datetime import timedelta

from django.utils import timezone

from devices.registry.models import Device
from media_pipeline.alerts import rules
from media_pipeline.alerts.channels import rules as channels
from media_pipeline.alerts.channels.models import AlertChannel
from media_pipeline.alerts.models import AlertRule

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def make_webhook(user, url: str, *, for_hub: bool = False, language: str = "en") -> AlertChannel:
    return channels.add_webhook(user, "hook", url, language, for_hub=for_hub, secret=SECRET)


def make_mail(user, port: int, language: str = "en") -> AlertChannel:
    address = (
        f"mailto://example.org:{port}/?smtp=127.0.0.1&from=hub@example.org&to=you@example.org&mode=insecure"
    )
    return channels.add_service(user, "mail", address, "mail", language, for_hub=False)


def make_rule(user, channel: AlertChannel, kind: str = "silent", **values) -> AlertRule:
    values = {"kind": kind} | ({"threshold": 600} if kind == "silent" else {}) | values
    return rules.save_rule(values, [channel], user, for_hub=channel.user is None)


def let_be_silent(device: Device, minutes: float) -> None:
    Device.objects.filter(pk=device.pk).update(last_seen_at=timezone.now() - timedelta(minutes=minutes))
