"""The pages of schedules: the list, the form with its preview, one schedule, and what a device's page says."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands.models import Command
from devices.events.models import Event
from devices.schedules.models import Gap, RunState, Schedule, ScheduledRun
from devices.schedules.planning import hub_place
from devices.schedules.rules import save_schedule
from devices.schedules.wording import when_of
from photohub.lib.pages.sentences import columns, said
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db
FORM = {"name": "Noon", "target": "device:porch", "kind": "times", "times": "18:00, 12:00"}
FORM |= {"weekdays": [0, 1, 2, 3, 4], "enabled": "on", "every_min": "", "stagger_s": ""}


@pytest.fixture
def porch():
    return make_device()


@pytest.fixture
def owner(client, porch) -> Client:
    client.force_login(make_user("alice", "owner"))
    return client


def post(client, **values):
    return client.post("/schedules/new", FORM | values)


def test_a_schedule_is_made_and_told_of(owner, porch):
    assert post(owner).status_code == 302
    row = Schedule.objects.get()
    assert (row.device, row.times, row.weekdays, row.enabled) == (porch, ["18:00", "12:00"], 31, True)
    assert row.next_run_at is not None
    page = owner.get("/schedules/").content.decode()
    assert "Noon" in page and "Monday to Friday" in page
    assert Event.objects.filter(device=porch, sentence="The schedule “Noon” was created.").exists()


def test_a_schedule_is_changed_paused_resumed_deleted_and_restored(owner, porch):
    row = save_schedule({"name": "Noon", "device": porch})
    owner.post(f"/schedules/{row.pk}/edit", FORM | {"name": "Later", "times": "13:00"})
    for path, values in (("switch", {"on": "0"}), ("switch", {"on": "1"}), ("delete", {}), ("restore", {})):
        assert owner.post(f"/schedules/{row.pk}/{path}", values).status_code == 302
        if path == "delete":
            assert owner.get(f"/schedules/{row.pk}").status_code == 404
            assert "Recently deleted" in owner.get("/schedules/").content.decode()
    told = Event.objects.filter(device=porch, sentence__startswith="The schedule").order_by("seq")
    words = [event.sentence.rpartition(" ")[2] for event in told]
    assert words == ["created.", "changed.", "paused.", "resumed.", "deleted.", "restored."]
    assert owner.get(f"/schedules/{row.pk}").status_code == 200


def test_the_cameras_of_a_schedule_are_asked_at_once(owner, porch):
    row = save_schedule({"name": "Noon", "device": porch})
    owner.post(f"/schedules/{row.pk}/run")
    assert Command.objects.get().asked_by.username == "alice"


def test_an_operator_of_a_group_sees_its_schedules_and_no_others(client, porch):
    yard, house = (DeviceGroup.objects.create(name=name) for name in ("yard", "house"))
    porch.groups.set([yard])
    for name, values in (("a", {"device": porch}), ("b", {"group": yard}), ("c", {"group": house})):
        save_schedule({"name": name} | values)
    client.force_login(make_user("bob", "operator", yard))
    page = client.get("/schedules/").content.decode()
    links = [row.name for row in Schedule.objects.all() if str(row.pk) in page]
    assert links == ["a", "b"] and "schedules/new" not in page
    hidden = Schedule.objects.get(name="c")
    assert client.get(f"/schedules/{hidden.pk}").status_code == 404


def test_the_place_of_the_hub_makes_sun_schedules_possible(owner):
    assert owner.post("/schedules/place", {"latitude": "52.5", "longitude": "13.4"}).status_code == 302
    assert hub_place() == (52.5, 13.4)
    assert post(owner, times="sunrise, sunset-30").status_code == 302
    assert when_of(Schedule.objects.get()) == "sunrise, 30 min before sunset, Monday to Friday"
    owner.post("/schedules/place", {"latitude": "152.5", "longitude": "13.4"})
    assert hub_place() == (52.5, 13.4)


def test_a_devices_page_says_what_comes_next_and_what_was_missed(owner, porch):
    row = save_schedule({"name": "Every hour", "device": porch})
    at = timezone.now() - timedelta(hours=2)
    why = columns("reason", said("Camera heard nothing: offline since %(time)s.", time=at))
    ScheduledRun.objects.create(
        schedule=row, device=porch, due_at=at, expires_at=at, state=RunState.MISSED, gap=Gap.OFFLINE, **why
    )
    page = owner.get("/devices/porch/").content.decode()
    assert "Next picture" in page and "Every hour" in page
    assert "Last missed" in page and "offline since" in page
    assert "offline since" in owner.get(f"/schedules/{row.pk}").content.decode()
