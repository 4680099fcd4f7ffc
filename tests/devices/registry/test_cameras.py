"""Which devices are offered as cameras."""

import re

import pytest
from django.utils import timezone

from devices.registry.models import Device, has_picture
from media_pipeline.captures.models import Capture
from tests.builders import make_capture, make_device

pytestmark = pytest.mark.django_db


def codes(rows) -> list[str]:
    return sorted(rows.values_list("code", flat=True))


def test_a_panel_counts_while_it_has_a_picture():
    for code in ("empty", "hall"):
        make_device(code, profile="panel")
    make_device("porch")
    for name in "ab":
        make_capture(Device.objects.get(code="hall"), name=name)
    assert codes(Device.objects.cameras()) == ["hall", "porch"]
    assert codes(Device.objects.filter(has_picture())) == ["hall"]
    Capture.objects.update(trashed_at=timezone.now())
    assert codes(Device.objects.cameras()) == ["porch"]


def test_one_step_along_an_index_tells_whether_a_device_has_a_picture():
    statement = str(Device.objects.cameras().query)
    assert re.search(r'ORDER BY \S+ DESC, U1\."id" DESC LIMIT 1\) IS NOT NULL', statement)
    assert "EXISTS" not in statement
