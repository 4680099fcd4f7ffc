import pytest
from django.urls import reverse

from photohub.pages.site_map import ROOMS, room_of


@pytest.mark.parametrize("page", [page for room in ROOMS for page in room.pages], ids=lambda p: p.url_name)
def test_every_page_has_an_address_and_lies_in_one_room_of_its_own(page):
    [room] = [room for room in ROOMS if page in room.pages]

    assert reverse(page.url_name)
    assert room_of(page.url_name) == room.key or page.url_name == "back_office"


@pytest.mark.parametrize(
    ("view", "room"),
    [
        ("wall", "live"),
        ("capture", "history"),
        ("time_lapse_new", "history"),
        ("devices:detail", "devices"),
        ("device_live", "devices"),
        ("devices:deliveries", "panels"),
        ("devices:new_render", "panels"),
        ("devices:choose_panel", "panels"),
        ("rule_edit", "panels"),
        ("firmware:rollout", "firmware"),
        ("login", ""),
    ],
)
def test_an_address_belongs_to_the_room_that_names_it_most_exactly(view, room):
    assert room_of(view) == room
