import pytest
from django.urls import reverse
from django.utils import timezone

from media_pipeline.history import views as history_views
from tests.builders import make_capture, make_device, make_user

PICK = reverse("capture_picker")


@pytest.fixture
def porch(db, client):
    client.force_login(make_user("vera", "viewer"))
    return make_device("porch", name="Porch")


def test_the_newest_pictures_can_be_chosen(porch, client):
    old = make_capture(porch, name="a", received_at=timezone.now() - timezone.timedelta(hours=1))
    new = make_capture(porch, name="b")
    page = client.get(PICK, {"chosen": old.pk}).content.decode()

    assert page.index(str(new.pk)) < page.index(str(old.pk))
    assert f'value="{old.pk}" checked' in page and f'value="{new.pk}" checked' not in page


def test_older_ones_follow_and_the_chosen_one_is_always_there(porch, client, monkeypatch):
    monkeypatch.setattr(history_views, "PICKS", 1)
    old = make_capture(porch, name="a", received_at=timezone.now() - timezone.timedelta(hours=1))
    make_capture(porch, name="b")
    assert str(old.pk) in client.get(PICK, {"chosen": old.pk}).content.decode()
    first = client.get(PICK)
    more = client.get(PICK, {"cursor": first.context["next"]}).content.decode()
    assert str(old.pk) not in first.content.decode() and str(old.pk) in more and "picks" not in more


def test_one_camera_alone(porch, client):
    capture = make_capture(make_device("barn"), name="b")
    make_capture(porch)
    page = client.get(PICK, {"of": "porch"}).content.decode()
    assert str(capture.pk) not in page and "All cameras" in page


def test_nothing_and_nonsense_are_no_errors(porch, client):
    assert "no picture in the history" in client.get(PICK).content.decode()
    assert client.get(PICK, {"cursor": "junk", "chosen": "junk"}).status_code == 200


def test_strangers_see_nothing(porch, client):
    capture = make_capture(porch)
    client.force_login(make_user("mallory", ""))
    assert str(capture.pk) not in client.get(PICK, {"chosen": capture.pk}).content.decode()


def test_no_camera_fills_the_choice_with_like_pictures_but_alone_it_shows_all(porch, client):
    now = timezone.now()
    for minutes in range(3):
        make_capture(
            porch, name=f"p{minutes}", received_at=now - timezone.timedelta(minutes=minutes), dhash=0
        )
    assert client.get(PICK).content.decode().count('type="radio"') == 1
    assert client.get(PICK, {"of": "porch"}).content.decode().count('type="radio"') == 3


def test_what_the_database_refuses_is_not_asked_for(porch, client):
    assert client.get(PICK, {"of": "porch\0"}).context["of"] == "porch"
