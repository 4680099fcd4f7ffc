"""The page of one picture."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.registry.models import Device
from media_pipeline.captures.models import Capture
from media_pipeline.mirror.models import OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
CHANGES = ("mirror", "labels", "keep", "link")


def make_one(**values) -> Capture:
    return make_capture(make_device("porch", name="Porch"), **values)


def test_the_page_shows_picture_timeline_facts_and_link(client):
    capture = make_one(telemetry={"battery_mv": 3700}, note="by the gate")
    client.force_login(make_user("alice", "owner"))
    page = client.get(f"/captures/{capture.pk}").content.decode()
    for part in (
        f"/captures/{capture.pk}/original",
        "received",
        capture.sha256,
        f"/p/{capture.code}",
        "25% (3700 mV)",
        "by the gate",
    ):
        assert part in page


def test_a_stranger_finds_nothing_and_a_reader_only_reads(client):
    garden = DeviceGroup.objects.create(name="Garden")
    capture = make_capture(make_device("barn", group=garden))
    client.force_login(make_user("mallory"))
    assert client.get(f"/captures/{capture.pk}").status_code == 404
    assert {client.post(f"/captures/{capture.pk}/{what}").status_code for what in CHANGES} == {404}
    client.force_login(make_user("vera", "viewer", garden))
    assert client.get(f"/captures/{capture.pk}").status_code == 200
    assert {client.post(f"/captures/{capture.pk}/{what}").status_code for what in CHANGES} == {403}


def test_changes_are_posted(client):
    capture = make_one()
    client.force_login(make_user("alice", "owner"))
    assert {client.get(f"/captures/{capture.pk}/{what}").status_code for what in CHANGES} == {405}


def test_a_viewer_gets_no_tools(client):
    capture = make_one()
    client.force_login(make_user("vera", "viewer"))
    page = client.get(f"/captures/{capture.pk}").content.decode()
    assert f"/captures/{capture.pk}/keep" not in page and "Delete this picture" not in page


def test_a_missing_file_leaves_the_page_standing(client):
    capture = make_one()
    store.full_path(capture.path).unlink()
    client.force_login(make_user("alice", "owner"))
    page = client.get(f"/captures/{capture.pk}")
    assert page.status_code == 200
    assert "file is missing, and the mirror has no copy" in page.content.decode()


def test_a_stopped_mirror_offers_to_try_now(client):
    capture = make_one()
    OSSObject.objects.filter(pk=capture.pk).update(state="blocked", error="The key was refused.")
    client.force_login(make_user("bob", "operator"))
    page = client.get(f"/captures/{capture.pk}").content.decode()
    assert "The key was refused." in page and f"/captures/{capture.pk}/mirror" in page
    assert client.post(f"/captures/{capture.pk}/mirror").status_code == 302
    assert OSSObject.objects.get().state == "pending"


def test_neighbours_are_linked(client):
    porch, at = make_device("porch"), timezone.now()
    older, middle, newer = (
        make_capture(porch, name=str(i), received_at=at + timedelta(seconds=i)) for i in range(3)
    )
    client.force_login(make_user("alice", "owner"))
    page = client.get(f"/captures/{middle.pk}").content.decode()
    assert f'rel="prev" href="/captures/{older.pk}"' in page
    assert f'rel="next" href="/captures/{newer.pk}"' in page


def test_the_panel_is_a_fragment(client):
    capture = make_one()
    client.force_login(make_user("vera", "viewer"))
    panel = client.get(f"/captures/{capture.pk}/panel").content.decode()
    assert "<html" not in panel and "truth--tall" in panel and capture.sha256 in panel


def test_keeping_tagging_and_noting(client):
    capture = make_one()
    client.force_login(make_user("bob", "operator"))
    client.post(f"/captures/{capture.pk}/keep", {"kept": "yes"})
    client.post(f"/captures/{capture.pk}/labels", {"note": "a fox", "tags": "fox, night"})
    capture.refresh_from_db()
    assert (capture.kept, capture.note, [t.name for t in capture.tags.all()]) == (
        True,
        "a fox",
        ["fox", "night"],
    )
    client.post(f"/captures/{capture.pk}/keep", {"kept": "no"})
    capture.refresh_from_db()
    assert not capture.kept


def test_the_link_is_withdrawn_and_given_back(client):
    capture = make_one()
    client.force_login(make_user("bob", "operator"))
    client.post(f"/captures/{capture.pk}/link", {"revoked": "yes"})
    assert client.get(f"/p/{capture.code}").status_code == 410
    client.post(f"/captures/{capture.pk}/link", {"revoked": "no"})
    assert client.get(f"/p/{capture.code}").status_code == 200


def test_sharing_is_offered_and_the_lasting_link_only_where_it_works(client, settings):
    capture = make_one()
    client.force_login(make_user("bob", "operator"))
    page = client.get(f"/captures/{capture.pk}").content.decode()
    assert f"/shared-links/new?capture={capture.pk}" in page and "Lasting link" in page
    settings.LASTING_LINKS = False
    Device.objects.update(result_topic="")
    page = client.get(f"/captures/{capture.pk}").content.decode()
    assert "/shared-links/new" in page and "Lasting link" not in page


def ask(client, capture, what: str, **fields) -> dict:
    return client.post(
        f"/captures/{capture.pk}/{what}", fields, headers={"Accept": "application/json"}
    ).json()


def test_a_script_is_answered_with_what_is_so_now(client):
    capture = make_one()
    client.force_login(make_user("bob", "operator"))
    assert ask(client, capture, "keep", kept="yes") == {"kept": True}
    assert ask(client, capture, "keep", kept="no") == {"kept": False}
    labels = ask(client, capture, "labels", note=" by the gate ", tags="heron, boat")
    assert labels == {"note": "by the gate", "tags": "boat, heron"}


def panel_of(client, capture) -> str:
    return client.get(f"/captures/{capture.pk}/panel").content.decode()


def test_the_panel_says_what_is_wrong_and_folds_how_it_came(client):
    capture = make_one(fault="black", freshness="unlike", freshness_values={"width": 64, "height": 48})
    client.force_login(make_user("vera", "viewer"))
    panel = panel_of(client, capture)
    assert "all black" in panel and "The lens may be covered" in panel and "64 × 48" in panel
    assert panel.index("<details") < panel.index(capture.sha256)
    assert "/labels" not in panel and "/shares" not in panel


def test_the_panel_shows_the_same_hour_of_other_days(client):
    capture = make_one()
    before = make_capture(capture.device, name="b", received_at=capture.received_at - timedelta(days=1))
    client.force_login(make_user("vera", "viewer"))
    assert f'data-lightbox-jump="{before.pk}"' in panel_of(client, capture)
    assert "Same hour on other days" in client.get(f"/captures/{capture.pk}").content.decode()
