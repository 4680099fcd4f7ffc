"""The short lasting links."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.registry.models import Device
from media_pipeline.captures import for_panels
from media_pipeline.captures.models import Capture
from media_pipeline.links import views as links
from media_pipeline.links.models import ShareLink
from media_pipeline.mirror.models import OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db


def make_one() -> Capture:
    return make_capture(make_device("porch"), make_jpeg(text="x"))


def test_anybody_with_the_link_sees_the_picture(client):
    answer = client.get(f"/p/{make_one().code}")
    assert answer.content == make_jpeg(text="x")
    assert answer["Content-Type"] == "image/jpeg" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "public, max-age=300"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_it_leaves_no_cookie_and_does_not_vary_by_one(client):
    answer = client.get(f"/p/{make_one().code}")
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


def test_head_tells_the_length_without_the_picture(client):
    capture = make_one()
    answer = client.head(f"/p/{capture.code}")
    assert (answer.content, answer["Content-Length"]) == (b"", str(capture.size_bytes))
    assert client.post(f"/p/{capture.code}").status_code == 405


def test_a_client_that_has_it_gets_304(client):
    capture = make_one()
    answer = client.get(f"/p/{capture.code}", headers={"If-None-Match": f'"{capture.sha256}"'})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (304, "*")


def test_unknown_withdrawn_and_missing_say_so(client):
    capture = make_one()
    assert client.get("/p/nosuchlink").status_code == 404
    store.full_path(capture.path).unlink()
    assert (missing := client.get(f"/p/{capture.code}")).status_code == 404
    assert "file is missing" in missing.content.decode()
    Capture.objects.update(link_revoked_at=timezone.now())
    assert (withdrawn := client.get(f"/p/{capture.code}")).status_code == 410
    assert "withdrawn" in withdrawn.content.decode() and withdrawn["Cache-Control"] == "no-store"
    assert not withdrawn.cookies


def test_share_links_are_counted_but_not_by_head(client):
    share = ShareLink.objects.create(capture=make_one(), created_by=make_user("carol", "owner"))
    client.get(f"/p/{share.code}")
    client.head(f"/p/{share.code}")
    client.get(f"/p/{share.code}")
    assert ShareLink.objects.get().opened == 2


def test_share_links_end(client):
    capture, now = make_one(), timezone.now()
    over = ShareLink.objects.create(capture=capture, expires_at=now - timedelta(seconds=1))
    withdrawn = ShareLink.objects.create(capture=capture, revoked_at=now)
    assert "expired" in (answer := client.get(f"/p/{over.code}")).content.decode()
    assert (answer.status_code, client.get(f"/p/{withdrawn.code}").status_code) == (404, 410)


def test_withdrawing_the_lasting_link_leaves_share_links_alone(client):
    capture = make_one()
    share = ShareLink.objects.create(capture=capture, created_by=make_user("carol", "owner"))
    Capture.objects.update(link_revoked_at=timezone.now())
    assert client.get(f"/p/{share.code}").status_code == 200


class Bucket:
    """The edge of the world: a mirror with addresses."""

    def public_url(self, key: str) -> str:
        return f"https://bucket.example/{key}"

    def signed_url(self, key: str, expires_s: int) -> str:
        return f"https://bucket.example/{key}?for={expires_s}"


@pytest.mark.parametrize(("how", "tail"), [("public", ""), ("signed", "?for=600")])
def test_once_mirrored_the_link_can_lead_to_the_mirror(client, settings, monkeypatch, how, tail):
    settings.PHOTOHUB_LINKS = how
    monkeypatch.setattr(links, "open_mirror", lambda settings: Bucket())
    capture = make_one()
    assert client.get(f"/p/{capture.code}").status_code == 200
    OSSObject.objects.update(state="mirrored")
    answer = client.get(f"/p/{capture.code}")
    assert (answer.status_code, answer["Location"]) == (302, f"https://bucket.example/{capture.path}{tail}")


def test_a_mirror_without_addresses_changes_nothing(client, settings, tmp_path):
    settings.PHOTOHUB_LINKS, settings.PHOTOHUB_MIRROR = "signed", "file"
    settings.PHOTOHUB_MIRROR_FOLDER = str(tmp_path)
    capture = make_one()
    OSSObject.objects.update(state="mirrored")
    assert client.get(f"/p/{capture.code}").status_code == 200


@pytest.mark.parametrize(
    ("hub", "device", "topic", "works"),
    [
        (True, "", "", True),
        (False, "", "", False),
        (False, "", "photohub/porch/result", True),
        (False, "on", "", True),
        (True, "off", "photohub/porch/result", False),
    ],
)
def test_hub_and_device_say_whether_there_are_lasting_links(client, settings, hub, device, topic, works):
    settings.LASTING_LINKS, capture = hub, make_one()
    Device.objects.update(lasting_links=device, result_topic=topic)
    answer = client.get(f"/p/{capture.code}")
    assert answer.status_code == (200 if works else 404)
    assert works or "no lasting links" in answer.content.decode()
    assert (for_panels.read_link(f"/p/{capture.code}") is not None) == works


def test_shared_links_need_no_lasting_ones(client, settings):
    settings.LASTING_LINKS = False
    share = ShareLink.objects.create(capture=make_one(), created_by=make_user("carol", "owner"))
    assert client.get(f"/p/{share.code}").status_code == 200
