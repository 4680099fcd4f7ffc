from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events import heartbeats
from devices.events.models import ServiceBeat
from photohub.lib.files import one_instance

pytestmark = pytest.mark.django_db


def test_a_heartbeat_says_whether_the_state_changed():
    assert [
        heartbeats.note("mirror", True),
        heartbeats.note("mirror", True),
        heartbeats.note("mirror", False, "down"),
    ] == [
        True,
        False,
        True,
    ]


def test_since_when_is_kept_while_nothing_changes():
    heartbeats.note("mirror", True)
    first = ServiceBeat.objects.get().changed_at
    heartbeats.note("mirror", True)
    assert ServiceBeat.objects.get().changed_at == first


def test_a_silent_part_is_not_well():
    heartbeats.note("worker", True)
    ServiceBeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert heartbeats.read("worker").ok is False and heartbeats.read("nobody") is None


def test_busy_parts_write_only_news():
    heartbeats.note("mirror", True)
    before = ServiceBeat.objects.get().at
    heartbeats.note_if_news("mirror", True)
    assert ServiceBeat.objects.get().at == before
    assert heartbeats.note_if_news("mirror", False, "down") is True


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_heartbeat_of_another_year_keeps_no_dead_part_alive_and_no_living_one_silent(jump):
    heartbeats.note("worker", True)
    ServiceBeat.objects.update(at=timezone.now() + jump)
    assert heartbeats.read("worker").ok is False
    assert heartbeats.note_if_news("worker", True) is False and heartbeats.read("worker").ok is True


def test_a_lease_from_the_future_binds_nobody():
    assert heartbeats.lease("pulls", "a", 20) and not heartbeats.lease("pulls", "b", 20)
    ServiceBeat.objects.update(at=timezone.now() + timedelta(days=400))
    assert heartbeats.lease("pulls", "b", 20) and not heartbeats.lease("pulls", "a", 20)


@pytest.fixture
def whole_hub(monkeypatch):
    """Let this process be the whole hub; returns how to let seconds pass."""
    now_s = [1000.0]
    monkeypatch.setattr(heartbeats.time, "monotonic", lambda: now_s[0])
    heartbeats.keep_in_memory()
    yield lambda seconds: now_s.__setitem__(0, now_s[0] + seconds)
    heartbeats.keep_in_memory(False)


def forget_when(minutes: float) -> None:
    ServiceBeat.objects.update(at=timezone.now() - timedelta(minutes=minutes))


def test_the_whole_hub_remembers_that_its_parts_live(whole_hub, django_assert_num_queries):
    assert heartbeats.beat("worker", True)
    forget_when(5)
    whole_hub(50)
    with django_assert_num_queries(0):
        assert not heartbeats.beat("worker", True)
    whole_hub(59)
    assert heartbeats.read("worker").ok


def test_the_whole_hub_notices_that_a_part_fell_silent_and_since_when(whole_hub):
    heartbeats.beat("worker", True)
    whole_hub(200)
    heartbeats.beat("worker", True)
    whole_hub(61)
    row = heartbeats.read("worker")
    assert not row.ok and timedelta(seconds=60) < timezone.now() - row.at < timedelta(seconds=70)


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_in_the_whole_hub_a_clock_that_jumps_silences_no_part(whole_hub, jump):
    heartbeats.beat("worker", True)
    ServiceBeat.objects.update(at=timezone.now() + jump)
    assert heartbeats.read("worker").ok


def test_what_changes_is_written_at_once_and_the_rest_now_and_then(whole_hub):
    heartbeats.beat("broker", True)
    assert heartbeats.beat("broker", False, "away") and ServiceBeat.objects.get().sentence == "away"
    forget_when(20)
    whole_hub(599)
    heartbeats.beat("broker", False, "away")
    assert timezone.now() - ServiceBeat.objects.get().at > timedelta(minutes=19)
    whole_hub(1)
    heartbeats.beat("broker", False, "away")
    assert timezone.now() - ServiceBeat.objects.get().at < timedelta(minutes=1)


def test_a_part_that_has_not_beaten_since_the_start_is_known_by_its_row_alone(whole_hub, settings, tmp_path):
    settings.PHOTOHUB_DATA = tmp_path
    assert one_instance.claim(tmp_path)
    heartbeats.note("worker", True)
    forget_when(2)
    assert not heartbeats.read("worker").ok


@pytest.mark.parametrize(
    ("name", "minutes", "ok"), [("worker", 10, True), ("worker", 16, False), ("x", 2, False)]
)
def test_another_process_believes_a_running_hub_a_little_longer(settings, tmp_path, name, minutes, ok):
    settings.PHOTOHUB_DATA = tmp_path
    heartbeats.beat(name, True)
    forget_when(minutes)
    assert not heartbeats.read(name).ok
    assert one_instance.claim(tmp_path)
    assert heartbeats.read(name).ok is ok


def test_a_process_that_is_not_the_whole_hub_writes_each_time(django_assert_num_queries):
    heartbeats.beat("worker", True)
    forget_when(2)
    assert not heartbeats.beat("worker", True) and heartbeats.read("worker").ok


def test_of_two_that_find_a_fault_at_once_one_tells_of_it(monkeypatch):
    heartbeats.note("mirror", True)
    stale = ServiceBeat.objects.get(pk="mirror")
    assert heartbeats.note("mirror", False, "No key.")
    monkeypatch.setattr(ServiceBeat.objects, "get_or_create", lambda **_given: (stale, False))
    assert not heartbeats.note("mirror", False, "No key.")
    assert not ServiceBeat.objects.get(pk="mirror").ok
