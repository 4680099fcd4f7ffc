"""How soon a silent camera is told of, by the worker and the schedule that really run."""

import asyncio
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from devices.registry.models import Device
from media_pipeline.alerts.kinds import silence
from photohub.embedded.worker import EmbeddedWorker
from tests.builders import make_device, make_user
from tests.media_pipeline.alerts.making import make_mail, make_rule, make_webhook
from tests.media_pipeline.alerts.receivers import http_receiver, mail_server
from tests.waiting import until

WITHIN_S = 10.0


@pytest.mark.measures_time("a busy machine takes seconds to load the mail library")
@pytest.mark.django_db(transaction=True)
def test_a_silent_camera_is_told_within_ten_seconds_of_its_limit():
    silence.forget(listened_s=3600)
    owner, porch = make_user("olga", "owner"), make_device("porch")
    line = settings.CELERY_BEAT_SCHEDULE["look for alerts"]
    worker = EmbeddedWorker([(line["task"], line["schedule"])])
    with http_receiver() as receiver, mail_server() as box:
        for channel in (make_webhook(owner, receiver.url), make_mail(owner, box.port)):
            make_rule(owner, channel, threshold=60)
        # It is a second before its limit.
        Device.objects.filter(pk=porch.pk).update(last_seen_at=timezone.now() - timedelta(seconds=59))
        worker.start()
        try:
            asyncio.run(until(lambda: receiver.calls and box.mails, 1 + WITHIN_S))
        finally:
            worker.stop()
