import re

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.panels.deliveries.models import Delivery
from tests.builders import make_capture, make_device, make_user

CHOOSE = reverse("devices:choose_panel")


@pytest.fixture
def pictures(db, client, settings, tmp_path):
    """Two pictures of one camera, the newer first, for an operator with two panels."""
    settings.OUTBOX_DIR = tmp_path / "outbox"
    client.force_login(make_user("bob", "operator"))
    for code in ("hall", "shop"):
        make_device(code, profile="panel", name=code.title())
    porch = make_device("porch")
    old = make_capture(porch, name="a", received_at=timezone.now() - timezone.timedelta(hours=1))
    return [make_capture(porch, name="b"), old]


def sent(client, pictures, *panels):
    data = {"act": "send", "capture": [str(p.pk) for p in pictures], "panel": panels}
    return client.post(CHOOSE, data)


def test_one_picture_goes_to_several_panels(pictures, client):
    answer = sent(client, pictures[:1], "hall", "shop")

    assert answer["Location"] == reverse("devices:deliveries")
    assert {d.device.code for d in Delivery.objects.all()} == {"hall", "shop"}


def test_several_pictures_go_in_the_order_in_which_they_were_taken(pictures, client):
    answer = sent(client, pictures, "hall")

    assert answer["Location"] == reverse("devices:show", args=["hall"]) + "#on-the-way"
    order = [d.origin_ref for d in Delivery.objects.order_by("created_at")]
    assert order == [str(pictures[1].pk), str(pictures[0].pk)]


def test_the_last_panel_is_remembered(pictures, client):
    sent(client, pictures[:1], "shop")
    page = client.get(CHOOSE, {"capture": pictures[0].pk}).content.decode()

    assert 'value="shop" checked' in page and 'value="hall" checked' not in page


def test_the_selection_of_the_history_is_asked_for_its_panel(pictures, client):
    page = client.post(CHOOSE, {"capture": [str(p.pk) for p in pictures], "tag": ""}).content.decode()

    assert "2 pictures, one after another" in page and not Delivery.objects.exists()


def test_without_a_panel_nothing_is_sent_and_it_is_said(pictures, client):
    assert "Choose a panel." in sent(client, pictures).content.decode()
    assert not Delivery.objects.exists()


def test_a_panel_of_somebody_else_is_passed_over(pictures, client):
    client.force_login(make_user("vera", "viewer"))
    page = sent(client, pictures, "hall")

    assert "no panel you may send to" in page.content.decode() and not Delivery.objects.exists()


def test_without_pictures_there_is_a_way_on(pictures, client):
    assert "No picture was selected" in client.get(CHOOSE, {"capture": "nonsense"}).content.decode()


def is_offered(client, url: str) -> bool:
    ways = rf'(href|formaction)="{CHOOSE}|name="action" value="show"'
    return bool(re.search(ways, client.get(url).content.decode()))


def test_the_pages_of_pictures_offer_it_to_those_who_may(pictures, client):
    urls = [reverse("history"), reverse("capture", args=[pictures[0].pk])]
    urls.append(reverse("capture_panel", args=[pictures[0].pk]))
    assert all(is_offered(client, url) for url in urls)
    client.force_login(make_user("vera", "viewer"))
    assert not any(is_offered(client, url) for url in urls)
