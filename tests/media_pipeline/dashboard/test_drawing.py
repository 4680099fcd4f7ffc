"""Cards and tiles as HTML: nothing of a camera is remembered from the page before."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from devices.commands import queue as commands
from devices.commands.models import Command, CommandState
from devices.registry.models import Device, LinkState
from media_pipeline.captures.models import Capture
from media_pipeline.dashboard.cards import build_cards, build_feed, cameras
from media_pipeline.dashboard.drawing import draw_cards, draw_feed
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def card(rf):
    """Return a function that draws the only card, as the owner or somebody else sees it."""
    owner = make_user("alice", "owner")

    def draw(user=owner) -> str:
        return " ".join(draw_cards(rf.get("/"), build_cards(user, cameras(user)).cards).split())

    return draw


def make_porch(**values) -> Device:
    connected = {"link_state": LinkState.CONNECTED, "listens": True, "last_seen_at": timezone.now()}
    return make_device("porch", name="Porch", command_topic="porch/command", **connected, **values)


def test_a_command_shows_at_once_wherever_it_was_made(card):
    porch = make_porch()
    assert 'aria-disabled="true"' not in card() and "Asked" not in card()
    commands.capture(porch)
    assert 'aria-disabled="true"' in card() and "Asked" in card() and 'data-command="queued"' in card()
    Command.objects.update(state=CommandState.SENT, sent_at=timezone.now())
    assert "Sent to the camera" in card()
    ended = {"state": CommandState.FAILED, "reason": "No <memory> left.", "finished_at": timezone.now()}
    Command.objects.update(**ended)
    assert "No &lt;memory&gt; left." in card() and "Try again" in card() and "/dismiss" in card()


def test_presence_and_telemetry_show_at_once(card):
    porch = make_porch()
    assert 'data-state="online"' in card() and "card__signs" not in card()
    an_hour = timezone.now() - timedelta(hours=1)
    Device.objects.update(
        link_state=LinkState.LOST,
        link_changed_at=an_hour,
        last_seen_at=an_hour,
        battery_mv=3300,
        rssi_dbm=-85,
    )
    html = card()
    assert (
        'data-state="offline"' in html
        and "offline since <time" in html
        and 'data-deaf="It is offline' in html
    )
    assert "(3300 mV)" in html and 'data-level="1"' in html and html.count("is-low") == 2
    Device.objects.filter(pk=porch.pk).update(name='A "new" <name>')
    assert "A &quot;new&quot; &lt;name&gt;" in card()


def test_a_picture_and_what_is_wrong_with_it_show_at_once(card):
    porch = make_porch()
    assert "No picture yet. Press the shutter." in card()
    first = make_capture(porch)
    assert f'data-capture="{first.pk}"' in card() and "card__flag" not in card()
    Capture.objects.update(fault="black", colour="#123456")
    assert '<span class="card__flag">all black</span>' in card() and 'data-colour="#123456"' in card()
    Capture.objects.update(trashed_at=timezone.now())
    assert "card__none" in card()


def test_each_visitor_gets_what_he_may_do_and_his_own_token(card, rf):
    make_porch()
    vera = make_user("vera", "viewer")
    assert "data-shutter" in card() and "data-shutter" not in card(vera)
    found = build_cards(make_user("olga", "operator"), cameras(vera)).cards
    one, other = (rf.get("/") for _ in range(2))
    pages = [draw_cards(request, found) for request in (one, other, one)]
    assert all("csrfmiddlewaretoken" in page for page in pages)
    assert one.META["CSRF_COOKIE"] != other.META["CSRF_COOKIE"]


def test_the_feed_names_what_is_on_each_picture_in_the_visitors_language():
    alice, porch = make_user("alice", "owner"), make_porch()
    make_capture(porch, fault="black", dhash=None)
    english = draw_feed(build_feed(alice))
    with translation.override("zh-hans"):
        chinese = draw_feed(build_feed(alice))
    assert "· all black" in english and "all black" not in chinese and "Porch" in chinese
