"""The dashboard and its fragments."""

import html
import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.commands import queue as commands
from devices.commands.models import Command
from devices.registry import presence
from devices.registry.models import Device
from photohub.lib.pages.sentences import said
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


def make_online(code: str, **values) -> Device:
    device = make_device(code, **values)
    presence.connected(device)
    return device


def test_the_dashboard_shows_cameras_and_the_latest_pictures(client):
    capture = make_capture(make_device("porch", name="Porch"))
    client.force_login(make_user("alice", "owner"))
    page = client.get("/").content.decode()
    assert 'id="card-porch"' in page
    assert page.count(f"/captures/{capture.pk}/thumb") == 2
    assert f'data-capture="{capture.pk}"' in page


def test_whoever_is_not_logged_in_is_sent_to_log_in(client):
    for path in ("/", "/feed", "/cards/porch", "/history", f"/captures/{uuid.uuid4()}"):
        assert client.get(path)["Location"].startswith("/login?next=")


def test_an_empty_hub_shows_the_first_steps(client):
    client.force_login(make_user("alice", "owner"))
    assert "Three steps to the first picture" in client.get("/").content.decode()


def test_the_number_of_queries_does_not_grow_with_cameras(client, django_assert_max_num_queries):
    client.force_login(make_user("bob", "operator"))
    for number in range(12):
        make_capture(make_device(f"cam-{number}"))
    with django_assert_max_num_queries(12):
        client.get("/")


def test_a_long_wall_offers_the_next_cameras(client, monkeypatch):
    monkeypatch.setattr("media_pipeline.dashboard.cards.CARDS_AT_ONCE", 2)
    garden = DeviceGroup.objects.create(name="Garden")
    for code in ("barn", "porch", "attic"):
        make_device(code, group=garden)
    client.force_login(make_user("alice", "owner"))
    page = client.get(f"/?group={garden.pk}").content.decode()
    assert "card-attic" in page and "card-barn" in page and "card-porch" not in page
    url = html.unescape(re.search(r'(?s)wall__more.*?href="([^"]+)"', page)[1])
    assert url.startswith(f"/?group={garden.pk}&start=2&until=")
    rest = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert rest.count("<article") == 1 and "card-porch" in rest and "wall__more" not in rest
    assert "<html" not in rest and "<html" in client.get(url).content.decode()


def test_behind_the_last_camera_the_wall_begins_anew(client):
    make_device("barn")
    client.force_login(make_user("alice", "owner"))
    assert client.get("/?start=48")["Location"] == "/"
    for odd in ("?start=-1", "?start=x", "?until=x", "?until=1e99", "?until=nan"):
        assert "card-barn" in client.get("/" + odd).content.decode()


def test_a_card_is_asked_for_with_the_group_of_its_page(client):
    garden, house = (DeviceGroup.objects.create(name=name) for name in ("Garden", "House"))
    make_device("barn", group=garden)
    client.force_login(make_user("alice", "owner"))
    assert client.get(f"/cards/barn?group={garden.pk}").status_code == 200
    make_device("porch", group=house)
    assert client.get(f"/cards/barn?group={house.pk}").status_code == 204


def test_a_device_that_is_not_on_the_wall_has_no_card(client):
    make_device("hall", profile="panel")
    client.force_login(make_user("alice", "owner"))
    answer = client.get("/cards/hall")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_viewer_sees_only_the_own_group(client):
    garden = DeviceGroup.objects.create(name="Garden")
    make_device("barn", group=garden)
    make_device("porch", group=DeviceGroup.objects.create(name="House"))
    client.force_login(make_user("vera", "viewer", garden))
    page = client.get("/").content.decode()
    assert "card-barn" in page and "card-porch" not in page
    assert "House" not in page
    assert client.get("/cards/porch").status_code == 404


def test_the_group_filter_narrows_and_unknown_groups_do_not_exist(client):
    garden = DeviceGroup.objects.create(name="Garden")
    make_device("barn", group=garden)
    make_device("porch")
    client.force_login(make_user("alice", "owner"))
    page = client.get(f"/?group={garden.pk}").content.decode()
    assert "card-barn" in page and "card-porch" not in page
    assert {client.get(f"/?group={word}").status_code for word in ("999", "x", "-1")} == {404}


def test_a_camera_of_two_groups_has_one_card_in_each(client):
    garden, yard = (DeviceGroup.objects.create(name=name) for name in ("Garden", "Yard"))
    barn = make_device("barn", groups=[garden, yard])
    picture = make_capture(barn)
    vera = make_user("vera", "viewer", garden)
    vera.memberships.create(role="viewer", group=yard)
    client.force_login(vera)
    for path in ("/", f"/?group={garden.pk}", f"/?group={yard.pk}"):
        page = client.get(path).content.decode()
        assert page.count('id="card-barn"') == 1, path
    assert client.get(f"/feed?group={yard.pk}").content.decode().count(f'data-capture="{picture.pk}"') <= 1
    assert client.get(f"/cards/barn?group={yard.pk}").status_code == 200
    assert client.get(f"/wall/barn?group={garden.pk}").status_code == 200


def test_a_wall_for_one_group_costs_no_query_for_each_camera(client, django_assert_max_num_queries):
    garden = DeviceGroup.objects.create(name="Garden")
    for number in range(12):
        make_device(f"cam-{number}", group=garden, command_topic=f"c/{number}")
    client.force_login(make_user("olga", "operator", garden))
    client.get("/")
    with django_assert_max_num_queries(20):
        client.get("/")


def test_a_card_can_be_fetched_alone(client):
    make_capture(make_device("porch", name="Porch"))
    client.force_login(make_user("alice", "owner"))
    card = client.get("/cards/porch").content.decode()
    assert card.lstrip().startswith("<article") and "Porch" in card
    assert client.get("/cards/nobody").status_code == 404


def test_the_feed_begins_after_the_named_picture(client):
    porch = make_device("porch")
    old, new = make_capture(porch, name="a"), make_capture(porch, name="b")
    client.force_login(make_user("alice", "owner"))
    assert str(new.pk) in (answer := client.get(f"/feed?after={old.pk}").content.decode())
    assert str(old.pk) not in answer
    assert client.get(f"/feed?after={new.pk}").content.strip() == b""
    assert str(old.pk) in client.get("/feed?after=nonsense").content.decode()


def test_all_reachable_cameras_are_asked_at_once(client):
    make_online("porch")
    make_online("barn")
    make_online("stream", profile="raspberry-pi")
    make_device("asleep")
    client.force_login(make_user("bob", "operator"))
    assert client.post("/capture-all").status_code == 302
    assert sorted(c.device.code for c in Command.objects.all()) == ["barn", "porch"]


def test_all_means_all_of_the_group(client):
    garden = DeviceGroup.objects.create(name="Garden")
    make_online("barn", group=garden)
    make_online("porch")
    client.force_login(make_user("bob", "operator"))
    assert client.post("/capture-all", {"group": garden.pk})["Location"] == f"/?group={garden.pk}"
    assert [c.device.code for c in Command.objects.all()] == ["barn"]


def test_a_viewer_asks_no_camera(client):
    make_online("porch")
    client.force_login(make_user("vera", "viewer"))
    client.post("/capture-all")
    assert not Command.objects.exists()
    assert client.get("/capture-all").status_code == 405


def make_failed(device: Device) -> Command:
    command = commands.capture(device)
    commands.fail(command, "camera_said", said("The camera says: %(text)s", text="lens cap on"))
    return command


def card_of(client, code: str = "porch") -> str:
    return client.get(f"/cards/{code}").content.decode()


def test_a_failure_stays_on_the_card_though_pictures_come_until_it_is_put_away(client):
    porch = make_online("porch")
    command = make_failed(porch)
    make_capture(porch)
    client.force_login(make_user("bob", "operator"))
    assert "lens cap on" in card_of(client) and "Try again" in card_of(client)
    dismiss = f"/devices/porch/commands/{command.pk}/dismiss"
    assert dismiss in card_of(client)
    assert client.post(dismiss, headers={"HX-Request": "true"}).status_code == 200
    assert "lens cap on" not in card_of(client)


def test_a_failure_ends_with_a_command_that_succeeds(client):
    porch = make_online("porch")
    make_failed(porch)
    commands.capture(porch)
    client.force_login(make_user("bob", "operator"))
    assert "lens cap on" not in card_of(client)


def test_a_failure_of_yesterday_is_no_news(client):
    command = make_failed(make_online("porch"))
    Command.objects.filter(pk=command.pk).update(finished_at=timezone.now() - timedelta(days=1))
    client.force_login(make_user("bob", "operator"))
    assert "lens cap on" not in card_of(client)


def test_the_shutter_of_a_camera_that_hears_no_orders_says_why(client):
    presence.heard(make_device("birds"))
    client.force_login(make_user("bob", "operator"))
    shutter = re.search(r'<button class="shutter"[^>]*>', card_of(client, "birds"))[0]
    assert 'aria-disabled="true"' in shutter and "it has never connected by MQTT" in shutter


def test_who_cannot_be_asked_is_left_out_by_name(client):
    make_online("porch")
    presence.heard(make_device("birds", name="Bird house"))
    client.force_login(make_user("bob", "operator"))
    page = client.post("/capture-all", follow=True).content.decode()
    assert "1 camera was asked." in page and "Left out: Bird house." in page


def test_a_script_is_told_who_was_asked_and_who_was_not(client):
    make_online("porch")
    presence.heard(make_device("birds", name="Bird house"))
    client.force_login(make_user("bob", "operator"))
    told = client.post("/capture-all", headers={"HX-Request": "true"}).json()["des"]
    assert told == "1 camera was asked. Left out: Bird house. Point at a camera's button to see why."


def test_what_is_simulated_is_said_and_an_owner_can_remove_it(client):
    garden = DeviceGroup.objects.create(name="Garden")
    make_device("porch", group=garden)
    for code, profile in (("demo-1", "generic"), ("demo-2", "panel")):
        make_device(code, profile=profile, simulated=True)
    client.force_login(make_user("alice", "owner"))
    page = client.get("/").content.decode()
    assert "2 simulated devices are running here. Their pictures are invented." in page
    assert "/simulate/remove" in page
    assert "invented" not in client.get(f"/?group={garden.pk}").content.decode()
    client.force_login(make_user("vera", "viewer"))
    page = client.get("/").content.decode()
    assert "are invented." in page and "/simulate/remove" not in page


def test_simulated_panels_alone_are_said_too(client):
    make_device("demo-1", profile="panel", simulated=True)
    client.force_login(make_user("alice", "owner"))
    assert "A simulated device is running here." in client.get("/").content.decode()
