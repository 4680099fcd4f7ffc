"""One device's way to a new version: offers, progress, proof, and every way to fail."""

import threading

import pytest
from django.db import connection

from devices.events.models import Event
from devices.firmware.rollouts import planning, sweeping, targets
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import RolloutState, RolloutTarget, TargetState
from devices.firmware.rollouts.targets import Happened
from devices.registry import presence
from devices.registry.models import Device
from tests.builders import make_device
from tests.devices.firmware.builders import make_devices, make_firmware, make_rollout, move_clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_network(settings):
    settings.LINK_CHECK = False


@pytest.fixture
def porch() -> Device:
    return make_device("porch", firmware_version="1.0.0")


@pytest.fixture
def offer(porch) -> targets.Offer:
    make_rollout([porch, make_device("barn")], error_percent=100)
    return targets.next_offer(porch, "default", "esp")


def fresh(offer: targets.Offer) -> RolloutTarget:
    return RolloutTarget.objects.select_related("device", "rollout__firmware").get(pk=offer.target.pk)


def test_an_offer_names_image_endpoint_and_the_version_before(offer):
    target = fresh(offer)
    assert (target.state, target.door, target.offers) == (TargetState.OFFERED, "esp", 1)
    assert (target.from_version, offer.firmware.version, offer.again) == ("1.0.0", "2.0.0", False)
    assert target.deadline_at > target.offered_at


def test_a_device_that_comes_again_gets_the_same_update(offer, porch, monkeypatch):
    again = targets.next_offer(porch, "default", "esp")
    assert (again.again, again.token, fresh(offer).offers) == (True, offer.token, 1)
    move_clock(monkeypatch, targets.SAME_TRY_S + 1)
    targets.next_offer(porch, "default", "ddi")
    assert (fresh(offer).offers, fresh(offer).door) == (2, "ddi")


def test_a_device_that_comes_too_often_has_failed(offer, porch, monkeypatch):
    for _ in range(offer.target.rollout.offers_at_most - 1):
        move_clock(monkeypatch, targets.SAME_TRY_S + 1)
        assert targets.next_offer(porch).again
    move_clock(monkeypatch, targets.SAME_TRY_S + 1)
    assert targets.next_offer(porch) is None
    assert (fresh(offer).state, fresh(offer).reason_word) == (TargetState.FAILED, "too_many_offers")


def test_a_broken_download_goes_on_from_where_it_was(offer, porch, monkeypatch):
    size = offer.firmware.size_bytes
    assert targets.note_download(offer.target, size // 2, "esp") == Happened.NOTED
    move_clock(monkeypatch, 60)
    again = targets.next_offer(porch)
    assert (again.target.state, again.target.percent) == (TargetState.OFFERED, 50)
    assert targets.note_download(again.target, size, "esp") == Happened.NOTED
    assert (fresh(offer).state, fresh(offer).percent) == (TargetState.DOWNLOADING, 100)


def test_only_the_reported_version_proves(offer, porch):
    targets.note_download(offer.target, offer.firmware.size_bytes)
    assert targets.note_progress(porch, "default", 100) == Happened.NOTED
    assert fresh(offer).state == TargetState.FLASHING
    assert targets.report_version(porch, "default", "2.0.0") == Happened.PROVED
    assert fresh(offer).state == TargetState.PROVED
    assert Device.objects.get(pk=porch.pk).firmware_version == "2.0.0"
    assert targets.report_version(porch, "default", "2.0.0") == Happened.FOREIGN


def test_who_runs_the_new_version_has_all_of_it_whatever_was_noted_before(offer, porch):
    targets.note_download(fresh(offer), 300)
    assert 0 < fresh(offer).percent < 100
    targets.report_version(porch, "default", "2.0.0")
    assert (fresh(offer).state, fresh(offer).percent) == (TargetState.PROVED, 100)
    # The note of the download, which several share, comes behind the device's own word.
    targets.note_all_flashing([fresh(offer)])
    assert fresh(offer).state == TargetState.PROVED


def test_many_that_have_fetched_are_noted_with_one_commit_and_the_proved_ones_stay():
    made = make_rollout(make_devices(4), error_percent=100)
    for device in Device.objects.all():
        targets.next_offer(device)
    fetched = list(made.targets.select_related("device", "rollout__firmware").order_by("pk"))
    targets.report_version(fetched[0].device, "default", "2.0.0")
    before = Event.objects.count()
    targets.note_all_flashing(fetched)
    states = list(made.targets.order_by("pk").values_list("state", "percent"))
    assert states == [(TargetState.PROVED, 100), *[(TargetState.FLASHING, 100)] * 3]
    assert Event.objects.count() == before + 3
    assert all(target.deadline_at > fetched[1].offered_at for target in made.targets.all()[1:])


def test_a_version_in_the_telemetry_proves_too(offer, porch):
    presence.heard(porch, telemetry={"firmware_version": "2.0.0"})
    assert fresh(offer).state == TargetState.PROVED


def test_the_old_version_after_success_is_a_failure_after_a_grace(offer, porch, monkeypatch):
    targets.note_flashing(offer.target)
    assert targets.report_version(porch, "default", "1.0.0") == Happened.NOTED
    sweeping.sweep()
    assert fresh(offer).state == TargetState.FLASHING
    move_clock(monkeypatch, targets.GRACE_S + 1)
    sweeping.sweep()
    assert (fresh(offer).state, fresh(offer).reason_word) == (TargetState.FAILED, "old_version")


def test_the_new_version_within_the_grace_proves_all_the_same(offer, porch):
    targets.note_flashing(offer.target)
    targets.report_version(porch, "default", "1.0.0")
    assert targets.report_version(porch, "default", "2.0.0") == Happened.PROVED


def test_the_old_version_before_success_means_nothing(offer, porch):
    assert targets.report_version(porch, "default", "1.0.0") == Happened.NOTHING
    assert fresh(offer).state == TargetState.OFFERED


def test_a_report_for_another_module_is_foreign_but_known(offer, porch):
    assert targets.report_version(porch, "stm32", "2.0.0") == Happened.FOREIGN
    assert fresh(offer).state == TargetState.OFFERED
    assert Device.objects.get(pk=porch.pk).modules["stm32"] == "2.0.0"


def test_reports_of_nobody_asked_change_nothing(offer):
    barn = Device.objects.get(code="barn")
    assert targets.note_progress(barn, "default", 50) == Happened.FOREIGN
    assert targets.report_version(barn, "default", "1.0.0") == Happened.FOREIGN
    assert targets.report_version(barn, "default", " \n") == Happened.NOTHING
    assert RolloutTarget.objects.get(device=barn).state == TargetState.WAITING


def test_a_device_that_was_updated_by_hand_needs_no_offer(offer):
    barn = Device.objects.get(code="barn")
    assert targets.report_version(barn, "default", "2.0.0") == Happened.PROVED
    target = RolloutTarget.objects.get(device=barn)
    assert (target.state, target.reason_word, target.offers) == (TargetState.PROVED, "already", 0)


@pytest.mark.parametrize(
    ("step", "word"), [(-1, "upgrade"), (-2, "download"), (-3, "check"), (-4, "flashing"), (-9, "upgrade")]
)
def test_a_failure_of_the_device_is_kept_in_its_words(offer, porch, step, word):
    assert targets.note_progress(porch, "default", step, "flash full") == Happened.FAILED
    target = fresh(offer)
    assert (target.state, target.reason_word, target.reason) == (TargetState.FAILED, word, "flash full")
    assert Event.objects.filter(device=porch, problem=True).get().sentence.endswith("(flash full)")
    assert targets.note_failed(target, "check") == Happened.NOTHING


def test_silence_past_the_deadline_is_a_failure(offer, monkeypatch):
    move_clock(monkeypatch, 1799)
    sweeping.sweep()
    assert fresh(offer).state == TargetState.OFFERED
    move_clock(monkeypatch, 2)
    sweeping.sweep()
    assert (fresh(offer).state, fresh(offer).reason_word) == (TargetState.TIMED_OUT, "silent")


def test_progress_gives_the_device_its_time_again_repetition_does_not(offer, porch, monkeypatch):
    move_clock(monkeypatch, 1000)
    targets.note_progress(porch, "default", 10)
    later = fresh(offer).deadline_at
    assert later > offer.target.deadline_at
    move_clock(monkeypatch, 100)
    assert targets.note_progress(porch, "default", 10) == Happened.NOTHING
    assert fresh(offer).deadline_at == later


def test_nothing_goes_backwards_or_on_after_the_end(offer, porch):
    targets.note_flashing(offer.target)
    assert targets.note_progress(porch, "default", 40) == Happened.NOTED
    assert fresh(offer).state == TargetState.FLASHING
    targets.note_failed(offer.target, "check")
    assert targets.note_download(offer.target, 5) == Happened.FOREIGN
    assert targets.note_flashing(fresh(offer)) == Happened.FOREIGN
    assert fresh(offer).state == TargetState.FAILED


def test_a_late_report_of_an_older_state_does_not_undo_a_newer_one(offer, porch):
    stale = fresh(offer)
    targets.report_version(porch, "default", "2.0.0")
    assert targets.note_flashing(stale) == Happened.NOTHING
    assert fresh(offer).state == TargetState.PROVED


def test_two_rollouts_take_turns_on_one_device(offer, porch):
    second = make_rollout([porch], make_firmware(b"\xe9three", version="3.0.0", counter=3))
    assert targets.next_offer(porch).target.pk == offer.target.pk
    assert planning.hindrance(second.targets.get()) == "busy"
    targets.report_version(porch, "default", "2.0.0")
    assert targets.next_offer(porch).firmware.version == "3.0.0"


def test_two_modules_of_one_device_update_side_by_side(offer, porch):
    make_rollout([porch], make_firmware(b"\xe9stm", module="stm32", version="7", counter=1))
    assert targets.next_offer(porch, "stm32").firmware.version == "7"
    assert targets.next_offer(porch, "default").target.pk == offer.target.pk


def test_a_device_that_moved_on_meanwhile_is_not_taken_back(porch):
    rollout = make_rollout([porch, make_device("barn")])
    make_firmware(b"\xe9three", version="3.0.0", counter=3)
    targets.report_version(porch, "default", "3.0.0")
    assert targets.next_offer(porch) is None
    target = rollout.targets.get(device=porch)
    assert (target.state, target.reason_word) == (TargetState.CANCELLED, "counter")


def test_a_device_that_is_switched_off_gets_nothing(porch):
    make_rollout([porch])
    porch.enabled = False
    assert targets.next_offer(porch) is None


def test_over_mqtt_nothing_is_offered_while_links_would_not_work(porch, settings):
    make_rollout([porch])
    settings.LINK_CHECK = True
    assert targets.next_offer(porch, door="aliyun") is None
    assert targets.next_offer(porch, door="esp") is not None


def test_an_update_left_open_by_an_ended_rollout_is_released(offer, porch):
    rollouts.Rollout.objects.update(state=RolloutState.FINISHED)
    sweeping.sweep()
    assert fresh(offer).state == TargetState.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_that_offer_at_once_one_does():
    porch = make_device("porch")
    for n in range(2):
        make_rollout([porch], make_firmware(b"\xe9%d" % n, version=f"{n}.0", counter=n + 1))
    found = []

    def ask() -> None:
        found.append(targets.next_offer(porch, door="esp"))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not offer.again for offer in found if offer) == 1
    assert RolloutTarget.objects.active().count() == 1
