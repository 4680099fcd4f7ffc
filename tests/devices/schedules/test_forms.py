"""The form of a schedule: what it refuses, and its preview."""

import pytest
from django.test import Client

from devices.schedules.models import Schedule
from devices.schedules.rules import save_schedule
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


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"times": "noon"}, "“noon” is not a time"),
        ({"times": ""}, "Enter 1 to 48 times"),
        ({"weekdays": []}, "Choose at least one day."),
        ({"target": ""}, "This field is required."),
        ({"kind": "every", "every_min": "0"}, "greater than or equal to 1"),
        ({"kind": "every", "every_min": ""}, "Enter a number of minutes."),
        ({"kind": "every", "every_min": "5", "from_at": "08:00"}, "Enter both times, or neither."),
        ({"kind": "every", "every_min": "5", "from_at": "08:00", "until_at": "08:00"}, "Both times are the same."),
        ({"quiet_from": "11:00", "quiet_until": "19:00"}, "it would never run"),
        ({"times": "sunrise"}, "Say where the hub is"),
        ({"times": "sunrise", "latitude": "91", "longitude": "0"}, "Enter degrees from -90 to 90."),
        ({"latitude": "50"}, "Enter both, or neither."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_field(owner, values, words):
    answer = post(owner, **values)
    assert answer.status_code == 422 and words in answer.content.decode()
    assert not Schedule.objects.exists()


def test_the_preview_tells_the_next_times_and_stores_nothing(owner):
    answer = post(owner, action="preview", times="12:00", weekdays=[0, 1, 2, 3, 4, 5, 6])
    page = answer.content.decode()
    assert answer.status_code == 200 and page.count(", 12:00</li>") == 5
    assert not Schedule.objects.exists()


def test_the_sun_is_written_in_the_readers_language_and_read_again(owner, porch):
    place = {"latitude": 52.5, "longitude": 13.4}
    row = save_schedule({"name": "a", "device": porch, "kind": "times", "times": ["sunset-30"]} | place)
    page = owner.get(f"/schedules/{row.pk}/edit", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert 'value="日落-30"' in page
    assert (
        owner.post(f"/schedules/{row.pk}/edit", FORM | place | {"times": "日落-30，日出"}).status_code == 302
    )
    row.refresh_from_db()
    assert row.times == ["sunset-30", "sunrise"]


def test_a_camera_without_a_command_topic_is_refused_in_words(owner):
    make_device("pi", profile="raspberry-pi")
    answer = post(owner, target="device:pi")
    assert answer.status_code == 422 and not Schedule.objects.exists()
