import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.panels.fetching import unclaimed
from devices.panels.fetching.settings import change_panel
from devices.registry.models import Device, DeviceKey, LinkState
from tests.builders import make_capture, make_device, make_user

LIST = reverse("devices:list")


def names(client, **query) -> list[str]:
    return [row["device"].code for row in client.get(LIST, query).context["rows"]]


@pytest.fixture
def alice(db, client):
    client.force_login(make_user("alice", "owner"))


def test_a_visitor_is_sent_to_log_in(db, client):
    assert client.get(LIST).headers["Location"].startswith(reverse("login"))


def test_without_devices_the_three_steps_are_shown(alice, client):
    page = client.get(LIST).content.decode()

    assert "No cameras yet" in page and reverse("devices:simulate") in page


def test_people_see_only_their_devices(db, client):
    farm = DeviceGroup.objects.create(name="Farm")
    make_device("porch"), make_device("barn", group=farm)
    client.force_login(make_user("vera", "viewer", farm))

    assert names(client) == ["barn"]
    assert "Add a device" not in client.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("query", "found"), [("por", ["porch"]), ("BARN", ["barn"]), ("谷仓", ["barn"]), ("x", [])]
)
def test_search_by_name_or_code(alice, client, query, found):
    make_device("porch"), make_device("barn", name="谷仓")

    assert names(client, q=query) == found


def test_filters_by_group_and_online(alice, client):
    make_device("porch", group=DeviceGroup.objects.create(name="Farm"))
    make_device("barn")
    Device.objects.filter(code="barn").update(link_state=LinkState.CONNECTED)

    assert names(client, group="Farm") == ["porch"] == names(client, online="no")
    assert names(client, online="yes") == ["barn"]


def test_a_heading_sorts_by_its_column_and_then_the_other_way(alice, client):
    for code, mv in (("aa", 3700), ("bb", None), ("cc", 3600)):
        make_device(code)
        Device.objects.filter(code=code).update(battery_mv=mv)
    assert names(client, sort="battery") == ["cc", "aa", "bb"]
    assert names(client, sort="-battery") == ["aa", "cc", "bb"]

    page = client.get(LIST, {"sort": "battery", "q": "a"})
    column = page.context["columns"]["battery"]
    assert (column.url, column.direction) == ("?q=a&sort=-battery", "ascending")


@pytest.mark.parametrize("sort", ["x", "-", "name; drop table"])
def test_an_unknown_column_keeps_the_usual_order(alice, client, sort):
    make_device("bb"), make_device("aa", pinned=True)

    assert names(client, sort=sort) == ["aa", "bb"]


def test_only_low_batteries_and_weak_signals(alice, client):
    for code, values in {
        "flat": {"battery_mv": 3500},
        "two-cells": {"battery_mv": 7000},
        "far": {"rssi_dbm": -88},
        "smooth": {"battery_mv": 4000, "rssi_dbm": -50},
        "mains": {"battery_mv": 5000},
    }.items():
        make_device(code)
        Device.objects.filter(code=code).update(**values)

    assert names(client, low="yes") == ["far", "flat", "two-cells"]


def test_cameras_and_panels_apart(alice, client):
    make_device("porch"), make_device("hall", profile="panel")

    assert (names(client, kind="camera"), names(client, kind="panel")) == (["porch"], ["hall"])


def test_nothing_found_offers_the_way_back(alice, client):
    make_device("porch")

    assert "No matches" in client.get(LIST, {"q": "zzz"}).content.decode()


def test_problems_are_said(alice, client):
    make_device("porch")
    Device.objects.update(created_at=timezone.now() - timedelta(hours=2), battery_mv=3300)
    assert "Key never used" in client.get(LIST).content.decode()

    DeviceKey.objects.update(revoked_at=timezone.now())
    (row,) = client.get(LIST).context["rows"]
    assert row["problems"] == ["No key: it cannot log in", "Battery low: 0%"]


def test_the_newest_picture_is_shown_by_its_url(alice, client):
    make_capture(make_device("porch"))
    make_device("barn")
    page = client.get(LIST).content.decode()

    assert reverse("latest", args=["porch"]) in page
    assert reverse("latest", args=["barn"]) not in page


def test_queries_do_not_grow_with_the_devices(alice, client, django_assert_max_num_queries):
    for number in range(12):
        make_device(f"camera-{number}", group=DeviceGroup.objects.create(name=f"group {number}"))
    with django_assert_max_num_queries(8):
        client.get(LIST)


@pytest.mark.parametrize("start", ["x", "-1", "٣", "99999999"])
def test_a_wrong_start_shows_the_beginning(alice, client, start):
    make_device("porch")

    assert names(client, start=start) == ["porch"]


def test_a_long_list_has_pages(alice, client, monkeypatch):
    monkeypatch.setattr("devices.overview.listing.PAGE_SIZE", 2)
    for code in ("aa", "bb", "cc"):
        make_device(code)

    assert (names(client), names(client, start="2")) == (["aa", "bb"], ["cc"])


def test_a_name_is_shown_as_text(alice, client):
    make_device("porch", name="<script>alert(1)</script>")

    assert "<script>alert" not in client.get(LIST).content.decode()


def ask_to_be_added(address: str = "94:A9:90:8C:6D:19") -> str:
    unclaimed.note(unclaimed.UnclaimedPanel(address, "og", "800", "480", time.time()))
    return address


def test_panels_that_ask_to_be_added_are_listed_for_the_owner(alice, client):
    address = ask_to_be_added()
    page = client.get(LIST).content.decode()

    assert address in page and "og · 800 × 480" in page
    assert "?profile=panel&amp;address=94%3AA9%3A90%3A8C%3A6D%3A19" in page


def test_a_panel_whose_address_a_device_has_asks_no_more(alice, client):
    desk = make_device("desk", profile="panel")
    change_panel(desk, {"hardware_address": ask_to_be_added()})

    assert "Panels that ask to be added" not in client.get(LIST).content.decode()


def test_nobody_else_is_told_of_panels_that_ask(db, client):
    ask_to_be_added()
    client.force_login(make_user("bob", "operator"))

    assert "94:A9:90" not in client.get(LIST).content.decode()


@pytest.mark.django_db
def test_what_the_database_refuses_is_not_asked_for(client):
    client.force_login(make_user("alice", "owner"))
    wish = client.get("/devices/?q=a%00b&group=c%00").context["wish"]
    assert (wish["q"], wish["group"]) == ("ab", "c")


def test_the_list_names_and_sorts_by_the_groups_that_one_may_know(db, client):
    farm, yard, attic = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard", "Attic"))
    (
        make_device("aa", groups=[yard, attic]),
        make_device("bb", groups=[farm, yard]),
        make_device("cc", groups=[yard]),
    )
    vera = make_user("vera", "viewer", yard)
    client.force_login(vera)
    page = client.get(LIST).content.decode()
    assert "Yard" in page and "Farm" not in page and "Attic" not in page
    # By the only group that she knows they are all alike.
    assert names(client, sort="group") == names(client, sort="-group") == ["aa", "bb", "cc"]
    vera.memberships.create(role="viewer", group=farm)
    assert names(client, sort="group") == ["bb", "aa", "cc"] and names(client, group="Attic") == []
    assert "Farm, Yard" in client.get(LIST).content.decode()
