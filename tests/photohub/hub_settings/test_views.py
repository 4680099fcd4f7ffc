from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events.models import Event
from devices.hub_settings import choices, values
from media_pipeline.captures.finding import has_lasting_link
from media_pipeline.maintenance import counting, retention
from photohub.env import Setting
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
RETENTION = "/settings/retention"


@pytest.fixture(autouse=True)
def _read_anew():
    values.forget()
    yield
    values.forget()


@pytest.fixture
def alice(client):
    client.force_login(make_user("alice", "owner"))
    return client


def test_lasting_links_are_turned_off_for_all_pictures_and_it_is_written_down(alice):
    picture = make_capture(make_device(result_topic=""))
    assert has_lasting_link(picture)
    page = alice.post("/settings/links", {"lasting_links": "off"}, follow=True).content.decode()
    assert "Saved." in page and not has_lasting_link(picture)
    event = Event.objects.filter(sentence="Lasting links were turned off.").get()
    assert event.actor.get_username() == "alice"


def test_what_would_go_is_shown_before_anything_is_kept(alice):
    make_capture(make_device(), received_at=timezone.now() - timedelta(days=50), size_bytes=1000)
    counting.keep_counts()
    page = " ".join(alice.post(RETENTION, {"keep_days": 30, "keep_gb": 0}).content.decode().split())
    assert "1 picture (1.0 kB)" in page and 'value="apply"' in page
    assert values.keep_days() == 0 and values.waiting(values.KEEP_DAYS) is None


def test_a_lower_limit_can_be_taken_back_for_an_hour(alice):
    picture = make_capture(make_device(), received_at=timezone.now() - timedelta(days=5))
    form = {"keep_days": 2, "keep_gb": "1.5", "deed": "apply"}
    assert (
        'name="seen" value="2 1500000000"' in alice.post(RETENTION, form | {"seen": "3 0"}).content.decode()
    )
    assert values.waiting(values.KEEP_DAYS) is None
    form["seen"] = "2 1500000000"
    page = alice.post(RETENTION, form, follow=True).content.decode()
    assert "hold in an hour" in page and "Take them back" in page
    assert retention.retain() == (0, 0) and (values.keep_days(), values.keep_bytes()) == (0, 0)
    assert "nothing was deleted" in alice.post(f"{RETENTION}/take-back", follow=True).content.decode()
    assert values.waiting(values.KEEP_DAYS) is None and values.keep_days() == 0
    assert Event.objects.filter(sentence__startswith="Retention was changed").count() == 4
    picture.refresh_from_db()


def test_a_limit_that_holds_is_that_of_retention(alice, monkeypatch):
    make_capture(make_device(), name="old", received_at=timezone.now() - timedelta(days=5))
    make_capture(make_device("barn"), name="new")
    alice.post(RETENTION, {"keep_days": 2, "keep_gb": 0, "deed": "apply", "seen": "2 0"})
    monkeypatch.setattr(values, "waiting", lambda _which: None)
    assert retention.retain() == (1, 0)
    assert "2 days" in alice.get("/status").content.decode()


def test_a_higher_limit_holds_at_once(alice):
    values.choose(values.KEEP_DAYS, 30)
    alice.post(RETENTION, {"keep_days": 90, "keep_gb": 0, "deed": "apply"})
    assert values.keep_days() == 90
    alice.post(RETENTION, {"keep_days": 0, "keep_gb": 0, "deed": "apply"})
    assert values.keep_days() == 0
    assert "nothing to take back" in alice.post(f"{RETENTION}/take-back", follow=True).content.decode()


@pytest.mark.parametrize("form", [{}, {"keep_days": -1, "keep_gb": 0}, {"keep_days": 1, "keep_gb": "much"}])
def test_a_wrong_limit_is_told_at_its_field(alice, form):
    answer = alice.post(RETENTION, form | {"deed": "apply"})
    assert answer.status_code == 422 and "field__error" in answer.content.decode()
    assert values.keep_days() == 0


def test_what_the_environment_sets_is_shown_and_not_chosen(alice, settings):
    settings.KEEP_DAYS, settings.LASTING_LINKS = 90, False
    secret = Setting("PHOTOHUB_SECRET_KEY", "••••", "environment", "", "")
    settings.READ = {**settings.READ, "PHOTOHUB_SECRET_KEY": secret}
    page = alice.get("/settings").content.decode()
    for shown in ("Set by PHOTOHUB_KEEP_DAYS", "Turned off by PHOTOHUB_LASTING_LINKS", "PHOTOHUB_SECRET_KEY"):
        assert shown in page
    assert settings.SECRET_KEY not in page
    alice.post(RETENTION, {"keep_days": 5, "keep_gb": 0, "deed": "apply"})
    alice.post("/settings/links", {"lasting_links": "on"})
    assert (
        values.keep_days() == 90 and not values.lasting_links() and values.waiting(values.KEEP_DAYS) is None
    )


def test_the_hub_writes_in_the_language_that_was_chosen(alice):
    alice.post("/settings/language", {"language": "zh-hans"})
    assert choices.chosen_language() == "zh-hans"
    alice.post("/settings/language", {"language": "tlh"})
    assert choices.chosen_language() == "zh-hans"


def test_a_mirror_can_be_tested_here(alice, settings, tmp_path):
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path)
    page = alice.get("/settings").content.decode()
    assert "Test storage" in page and "set by PHOTOHUB_MIRROR" in page
