"""Rows of the list as HTML: what changes shows at once, wherever it was changed."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.events.models import Trouble
from devices.registry.models import Device, LinkState
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client):
    """Return a function that fetches the list."""
    client.force_login(make_user("alice", "owner"))
    return lambda: " ".join(
        client.get("/devices/").content.decode().split("<tbody>")[1].split("</tbody>")[0].split()
    )


def test_a_row_tells_what_is_known_of_its_device(page):
    porch = make_device("porch", name="Porch <1>")
    assert "never seen" in page() and "Porch &lt;1&gt;" in page() and "table__thumb--none" in page()
    group = DeviceGroup.objects.create(name="Garden")
    heard = {"last_seen_at": timezone.now(), "battery_mv": 3300, "rssi_dbm": -85, "firmware_version": "1.2"}
    porch.groups.add(group)
    Device.objects.update(pinned=True, simulated=True, **heard)
    make_capture(porch)
    html = page()
    for words in (
        "online",
        "pinned",
        "simulated",
        "3300 mV",
        "-85 dBm",
        "Garden",
        "1.2",
        "/devices/porch/latest.jpg",
    ):
        assert words in html
    assert 'data-state="warn"' in html and "is-problem" in html


@pytest.mark.parametrize(
    ("state", "minutes", "words"),
    [
        (LinkState.CONNECTED, 1, "online since <time"),
        (LinkState.UNKNOWN, 1, "online"),
        (LinkState.LOST, 60, "offline since <time"),
        (LinkState.UNKNOWN, 60, "offline since <time"),
    ],
)
def test_presence_is_told_with_its_time(page, state, minutes, words):
    make_device("porch")
    then = timezone.now() - timedelta(minutes=minutes)
    changed = None if state == LinkState.UNKNOWN else then
    Device.objects.update(link_state=state, link_changed_at=changed, last_seen_at=then)
    assert words in page()
    Device.objects.update(enabled=False)
    assert "turned off" in page()


def test_troubles_of_all_rows_are_asked_for_together(page):
    asked = []
    for number in range(4):
        device = make_device(f"cam-{number}")
        Trouble.objects.create(
            device=device, word="telemetry_unreadable", values={"limit": 4096, "size": 9000}
        )
        with CaptureQueriesContext(connection) as queries:
            assert page().count("9000") == number + 1
        asked.append(len(queries))
    assert len(set(asked[1:])) == 1
    Trouble.objects.update(over_at=timezone.now())
    assert "9000" not in page()
