"""Two pictures compared."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


def take(device, days: int):
    return make_capture(device, name=f"d{days}", received_at=timezone.now() - timedelta(days=days))


def page(client, capture, **query) -> str:
    return client.get(f"/captures/{capture.pk}/compare", query).content.decode()


def test_a_picture_is_compared_with_the_one_before_the_older_first(client):
    porch = make_device("porch")
    new, old = take(porch, 0), take(porch, 1)
    client.force_login(make_user("vera", "viewer"))
    html = page(client, new)
    assert html.index(f"/captures/{old.pk}/original") < html.index(f"/captures/{new.pk}/original")


def test_any_other_can_be_chosen_and_is_offered_again(client):
    new, other = take(make_device("porch"), 0), take(make_device("barn"), 3)
    client.force_login(make_user("vera", "viewer"))
    assert f'<option value="{other.pk}" selected>' in page(client, new, **{"with": other.pk})


def test_a_first_picture_says_that_there_is_none_to_compare_with(client):
    client.force_login(make_user("vera", "viewer"))
    assert "There is no older picture" in page(client, take(make_device("porch"), 0))


def test_a_script_gets_the_pictures_without_the_page(client):
    client.force_login(make_user("vera", "viewer"))
    path = f"/captures/{take(make_device('porch'), 0).pk}/compare"
    assert "<html" not in client.get(path, headers={"HX-Request": "true"}).content.decode()


def test_nobody_compares_with_a_picture_that_he_may_not_see(client):
    garden = DeviceGroup.objects.create(name="Garden")
    own, foreign = take(make_device("hen", group=garden), 0), take(make_device("barn"), 0)
    client.force_login(make_user("vera", "viewer", garden))
    assert client.get(f"/captures/{own.pk}/compare", {"with": foreign.pk}).status_code == 404


def test_two_selected_pictures_are_compared_and_three_are_not(client):
    porch = make_device("porch")
    new, old, third = (take(porch, days) for days in range(3))
    client.force_login(make_user("vera", "viewer"))
    select = {"action": "compare", "capture": [new.pk, old.pk]}
    answer = client.post("/history/change", select)
    assert answer["Location"] == f"/captures/{new.pk}/compare?with={old.pk}"
    select["capture"].append(third.pk)
    assert client.post("/history/change", select)["Location"] == "/history"
