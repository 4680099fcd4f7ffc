"""What a shared link opens, as a stranger sees it."""

import io
import re
import threading
import zipfile

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from media_pipeline.links import archive, shared_views, sharing
from media_pipeline.links.models import ShareLink
from media_pipeline.links.sharing import Wish
from media_pipeline.trash import moving
from photohub.lib.http.guessing import FailedTries
from photohub.lib.http.rates import Buckets
from tests.builders import make_capture, make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db


def make_link(count: int = 1, password: str = "") -> ShareLink:
    device = make_device("porch", name="Porch")
    captures = tuple(make_capture(device, name=f"p{n}") for n in range(count))
    return sharing.share(Wish(captures), make_user("bob", "operator"), sharing.ends_after("1d"), password)


def pictures_in(link: ShareLink) -> list:
    return list(sharing.pictures_of(sharing.find(link.code)))


def body_of(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_one_picture_has_its_name_its_time_and_a_download(client):
    link = make_link()
    (capture,) = pictures_in(link)
    answer = client.get(f"/s/{link.code}")
    page = answer.content.decode()
    assert (
        "<h1>Porch</h1>" in page
        and f"/s/{link.code}/{capture.pk}" in page
        and "This link works until" in page
    )
    assert 'class="rail"' not in page and "noindex" in page and "favicon" in page
    assert (answer["X-Robots-Tag"], answer["Referrer-Policy"]) == ("noindex, nofollow", "same-origin")
    assert client.get(f"/s/{link.code}/{capture.pk}").content == make_jpeg(text="p0")
    assert client.get(f"/s/{link.code}/{capture.pk}/thumb")["Content-Type"] == "image/webp"
    assert client.get(f"/s/{link.code}/latest.jpg").status_code == 200


def test_nothing_but_its_pictures_is_opened(client):
    link, other = make_link(), make_capture(make_device("barn"))
    paths = [f"/s/{link.code}/{other.pk}", f"/s/{link.code}/{other.pk}/thumb", "/s/nosuchlink"]
    assert [client.get(path).status_code for path in paths] == [404, 404, 404]


def test_it_speaks_chinese(client):
    link = make_link()
    page = client.get(f"/s/{link.code}", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert 'lang="zh-hans"' in page and "下载" in page


def test_many_come_in_pages_and_as_one_archive(client, monkeypatch):
    monkeypatch.setattr(shared_views, "_PAGE", 2)
    link = make_link(3)
    page = client.get(f"/s/{link.code}").content.decode()
    more = re.search(r'href="(\?cursor=[^"]+)"', page)[1]
    assert page.count("<figure>") == 2
    assert client.get(f"/s/{link.code}{more}").content.decode().count("<figure>") == 1
    assert client.get(f"/s/{link.code}?cursor=x").status_code == 302


@pytest.mark.django_db(transaction=True)
async def test_the_archive_holds_all(async_client, monkeypatch):
    monkeypatch.setattr(archive, "_places", threading.BoundedSemaphore(1))
    link = await sync_to_async(make_link)(3)
    answer = await async_client.get(f"/s/{link.code}/all.zip")
    data = b"".join([chunk async for chunk in answer.streaming_content])
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert len(names) == 3 and all(name.startswith("porch/") for name in names)
    assert archive._places.acquire(blocking=False)


def test_an_archive_has_bounds(client, monkeypatch):
    link = make_link(2)
    monkeypatch.setattr(archive, "_places", threading.BoundedSemaphore(1))
    first, busy = (client.get(f"/s/{link.code}/all.zip") for _twice in range(2))
    assert (first.status_code, busy.status_code, busy["Retry-After"]) == (200, 503, "60")
    assert "all.zip" in client.get(f"/s/{link.code}").content.decode()
    monkeypatch.setattr(archive, "SHARED_AT_MOST", 1)
    assert "all.zip" not in client.get(f"/s/{link.code}").content.decode()
    assert client.get(f"/s/{link.code}/all.zip").status_code == 413


def test_whoever_goes_away_before_an_archive_begins_keeps_no_place(monkeypatch):
    monkeypatch.setattr(archive, "_places", threading.BoundedSemaphore(1))
    place = archive._Place([])
    with pytest.raises(archive.TooMany):
        archive._Place([])
    # Django calls these at the end of every answer.
    for _twice in range(2):
        for close in archive._answer(place)._resource_closers:
            close()
    archive._Place([])


def test_of_pictures_without_end_no_more_are_looked_at_than_fit_an_archive(monkeypatch):
    monkeypatch.setattr(archive, "SHARED_AT_MOST", 2)
    rows = sharing.pictures_of(make_link(4))
    with CaptureQueriesContext(connection) as asked:
        assert not archive.fits(rows)
    assert ["LIMIT 3" in query["sql"] for query in asked] == [True]


def test_visits_are_counted_and_not_every_load(client):
    link = make_link()
    for _ in range(2):
        client.get(f"/s/{link.code}")
    client.head(f"/s/{link.code}")
    Client().get(f"/s/{link.code}")
    link.refresh_from_db()
    assert link.opened == 2 and link.opened_at is not None


def test_ended_links_say_so(client):
    link = make_link()
    (capture,) = pictures_in(link)
    ShareLink.objects.update(expires_at=timezone.now())
    answers = [
        client.get(f"/s/{link.code}{end}") for end in ("", f"/{capture.pk}", "/all.zip", "/latest.jpg")
    ]
    assert {a.status_code for a in answers} == {410} and "expired" in answers[0].content.decode()
    ShareLink.objects.update(expires_at=None, revoked_at=timezone.now())
    assert "withdrawn" in client.get(f"/s/{link.code}").content.decode()


def test_deleted_pictures_are_told_of(client):
    link = make_link()
    moving.move_to_trash(link.created_by, pictures_in(link))
    answer = client.get(f"/s/{link.code}")
    assert answer.status_code == 410 and "were deleted" in answer.content.decode()


def test_a_password_opens_the_link_and_its_pictures(client):
    link = make_link(password="heron")
    (capture,) = pictures_in(link)
    asked = client.get(f"/s/{link.code}")
    assert "This link has a password" in asked.content.decode() and "Porch" not in asked.content.decode()
    inside = [f"/s/{link.code}/{capture.pk}", f"/s/{link.code}/latest.jpg", f"/s/{link.code}/all.zip"]
    assert {client.get(path).status_code for path in inside} == {403}
    wrong = client.post(f"/s/{link.code}", {"password": "swan"})
    assert (wrong.status_code, "That is not the password" in wrong.content.decode()) == (403, True)
    assert client.post(f"/s/{link.code}", {"password": "heron"})["Location"] == f"/s/{link.code}"
    assert "Porch" in client.get(f"/s/{link.code}").content.decode()
    picture = client.get(inside[0])
    assert (picture.status_code, picture["Cache-Control"]) == (200, "no-store")
    link.refresh_from_db()
    assert "heron" not in link.password and link.opened == 1


def test_the_proof_of_one_link_opens_no_other(client):
    link = make_link(password="heron")
    other = sharing.share(Wish(tuple(pictures_in(link))), link.created_by, None, "swan")
    client.post(f"/s/{link.code}", {"password": "heron"})
    proof = client.cookies[f"photohub_share_{link.code}"].value
    client.cookies[f"photohub_share_{other.code}"] = proof
    assert "has a password" in client.get(f"/s/{other.code}").content.decode()


def test_passwords_cannot_be_guessed(client, monkeypatch):
    monkeypatch.setattr(shared_views, "_tries_of_one", Buckets(1 / 60, 2))
    link = make_link(password="heron")
    codes = [client.post(f"/s/{link.code}", {"password": "x"}).status_code for _ in range(3)]
    assert codes == [403, 403, 429]
    assert client.post(f"/s/{link.code}", {"password": "heron"}).status_code == 429


def test_links_cannot_be_guessed(client, monkeypatch):
    monkeypatch.setattr(shared_views, "_failed_tries", FailedTries(per_second=1 / 60, burst=2))
    link = make_link()
    assert [client.get(f"/s/nosuchlink{n}").status_code for n in range(3)] == [404, 404, 429]
    answer = client.get(f"/s/{link.code}")
    assert (answer.status_code, "Retry-After" in answer) == (429, True)


def test_an_old_address_leads_browsers_to_the_page_and_gives_programs_the_picture(client):
    link = make_link()
    assert client.get(f"/p/{link.code}").content == make_jpeg(text="p0")
    browser = client.get(f"/p/{link.code}", headers={"Accept": "text/html,*/*"})
    assert browser["Location"] == f"/s/{link.code}"


def test_a_password_is_not_walked_around_by_the_old_address(client):
    link = make_link(password="heron")
    assert client.get(f"/p/{link.code}")["Location"] == f"/s/{link.code}"


def test_a_camera_that_does_not_stream_is_shown_by_its_newest_picture(client):
    link = make_link()
    device = pictures_in(link)[0].device
    live = sharing.share(Wish(device=device), link.created_by, None)
    page = client.get(f"/s/{live.code}").content.decode()
    assert "not streaming" in page and f"/s/{live.code}/latest.jpg" in page
    assert client.get(f"/s/{live.code}/latest.jpg").content == make_jpeg(text="p0")
    assert client.get(f"/s/{live.code}/all.zip").status_code == 404
    older = pictures_in(link)[0]
    paths = [f"/s/{live.code}/{older.pk}", f"/s/{live.code}/{older.pk}/thumb"]
    assert [client.get(path).status_code for path in paths] == [404, 404]
    device.enabled = False
    device.save()
    ends = [client.get(f"/s/{live.code}{end}").status_code for end in ("", "/latest.jpg")]
    assert ends == [410, 410]


def test_a_link_ends_with_its_makers_account(client):
    link = make_link()
    link.created_by.delete()
    answer = client.get(f"/s/{link.code}")
    assert answer.status_code == 410 and "account of whoever made it was removed" in answer.content.decode()
    assert not pictures_in(link)
