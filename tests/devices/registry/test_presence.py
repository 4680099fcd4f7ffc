from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.translation import override

from devices.registry import presence
from devices.registry.models import Device, LinkState
from devices.telemetry import samples
from photohub.lib.pages.sentences import said
from photohub.lib.pages.timezones import in_timezone
from tests.builders import make_device


def test_a_device_that_was_heard_is_online_and_that_is_told(db):
    porch = make_device()
    presence.heard(porch, address="192.168.1.40")

    assert Device.objects.get().online
    assert porch.last_address == "192.168.1.40"
    assert porch.events.count() == 1


def test_hearing_a_device_again_at_once_writes_nothing(db, django_assert_num_queries):
    porch = make_device()
    presence.heard(porch)
    with django_assert_num_queries(0):
        presence.heard(porch)


def test_to_hear_a_device_that_is_online_costs_one_statement(db, django_assert_num_queries):
    porch = make_device()
    presence.heard(porch)
    porch.last_seen_at -= timedelta(seconds=20)
    with django_assert_num_queries(1):
        presence.heard(porch, address="10.0.0.7")
    # Of its own figures a sample is kept, once a minute.
    samples.forget()
    with django_assert_num_queries(4):
        presence.heard(porch, telemetry={"battery_mv": "3900"})
    with django_assert_num_queries(1):
        presence.heard(porch, telemetry={"battery_mv": "3910"})
    assert Device.objects.get().battery_mv == porch.battery_mv == 3910


def test_new_telemetry_is_written_at_once(db):
    porch = make_device()
    presence.heard(porch)
    presence.heard(porch, telemetry={"battery_mv": "3900"})

    assert Device.objects.get().battery_mv == 3900


@pytest.mark.parametrize("value", ["full", None, -1, 1e9, [], float("nan"), float("inf")])
def test_nonsense_in_telemetry_is_dropped(value):
    assert presence.clean_telemetry({"battery_mv": value}) == {}


def test_a_version_is_cut_and_cleaned():
    clean = presence.clean_telemetry({"firmware_version": "1.\x002" + "x" * 99})

    assert clean["firmware_version"].startswith("1.2x") and len(clean["firmware_version"]) == 64


def test_a_connection_by_mqtt_is_told_once(db):
    porch = make_device()
    presence.connected(porch, "192.168.1.40")
    presence.connected(porch, "192.168.1.40")

    assert Device.objects.get().link_state == LinkState.CONNECTED
    assert [e.sentence for e in porch.events.all()] == ["Connected by MQTT from 192.168.1.40."]


def test_a_lost_connection_is_offline_at_once(db):
    porch = make_device()
    presence.connected(porch)
    presence.disconnected(porch, "keep-alive ran out")

    assert not Device.objects.get().online


def test_a_lost_device_that_uploads_by_http_is_online_for_a_minute(db):
    porch = make_device()
    presence.disconnected(porch)
    Device.objects.update(
        last_seen_at=timezone.now() - timedelta(seconds=59),
        link_changed_at=timezone.now() - timedelta(hours=1),
    )
    assert Device.objects.get().online

    Device.objects.update(last_seen_at=timezone.now() - timedelta(seconds=61))
    assert not Device.objects.get().online


def test_a_device_without_mqtt_is_offline_after_its_interval_and_a_half(db):
    make_device(reporting_interval_s=100)
    Device.objects.update(last_seen_at=timezone.now() - timedelta(seconds=164))
    assert Device.objects.get().online

    Device.objects.update(last_seen_at=timezone.now() - timedelta(seconds=166))
    assert not Device.objects.get().online


def test_nobody_is_connected_to_a_broker_that_has_just_started(db):
    presence.connected(make_device())

    assert presence.forget_links() == 1
    assert not Device.objects.get().online


@pytest.mark.parametrize("state", [LinkState.LOST, LinkState.UNKNOWN])
@pytest.mark.parametrize("column", ["last_seen_at", "link_changed_at"])
def test_what_a_clock_that_jumped_noted_makes_nobody_online_or_offline_for_good(db, state, column):
    porch = make_device()
    values = {
        "last_seen_at": timezone.now() - timedelta(days=1),
        column: timezone.now() + timedelta(days=400),
    }
    Device.objects.update(link_state=state, **values)
    assert not Device.objects.get().online
    presence.heard(Device.objects.get(pk=porch.pk))
    assert Device.objects.get().online


@pytest.mark.parametrize(
    ("address", "reason", "sentences"),
    [
        (
            "10.0.0.9",
            said("the device ended it"),
            ["已从 10.0.0.9 通过 MQTT 连接。", "MQTT 连接已断开：设备主动结束"],
        ),
        ("", "", ["已通过 MQTT 连接。", "MQTT 连接已断开。"]),
    ],
)
def test_a_connection_is_told_in_the_readers_language_and_without_question_marks(
    db, address, reason, sentences
):
    porch = make_device()
    presence.connected(porch, address)
    presence.disconnected(porch, reason)
    told = list(porch.events.order_by("seq"))
    assert not any("?" in event.sentence or not event.sentence.isascii() for event in told)
    with override("zh-hans"):
        assert [event.text for event in told] == sentences


def _word_of(**values) -> str:
    now = timezone.now()
    known = {
        "last_seen_at": now - timedelta(seconds=9),
        "link_state": LinkState.CONNECTED,
        "link_changed_at": now - timedelta(hours=1),
    }
    device = Device(code="porch", name="Porch", profile="generic", command_topic="porch/in")
    for field, value in (known | values).items():
        setattr(device, field, value)
    reason = presence.why_deaf(device)
    return reason.word if reason else ""


def test_why_an_order_cannot_reach_a_device():
    lost = {"link_state": LinkState.LOST, "link_changed_at": timezone.now()}
    assert _word_of() == _word_of(listens=True) == ""
    assert _word_of(enabled=False) == "disabled"
    assert _word_of(command_topic="") == "no_command_topic"
    assert _word_of(last_seen_at=None) == "never_connected"
    assert _word_of(listens=False) == "not_listening"
    assert _word_of(link_state=LinkState.UNKNOWN) == "not_listening"
    assert _word_of(**lost) == "offline"
    # It sleeps, and is asked when it wakes.
    assert _word_of(**lost, command_timeout_s=600) == ""


def test_of_an_outside_broker_little_is_known(settings):
    settings.MQTT_URL = "mqtt://broker"
    assert _word_of(link_state=LinkState.UNKNOWN, link_changed_at=None) == ""


def test_since_when_a_device_is_offline_is_told_in_the_readers_zone():
    seen = datetime(2025, 11, 29, 20, 13, tzinfo=UTC)
    device = Device(command_topic="porch/in", last_seen_at=seen, listens=True)
    with in_timezone(ZoneInfo("Europe/Berlin")):
        assert presence.why_deaf(device).sentence == "It is offline since Nov 29, 2025, 21:13."
