"""A picture on a machine of the hub that is silent: everywhere it is away, and said where, and nowhere missing."""

import io
import json
import zipfile
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from devices.panels.playlists.models import PlaylistItem
from devices.panels.playlists.turns import take_turn
from devices.panels.sources import fetching
from media_pipeline.captures.finding import link_of
from media_pipeline.captures.models import Capture
from media_pipeline.links import sharing
from media_pipeline.links.archive import zip_chunks
from media_pipeline.nodes import here, known
from media_pipeline.nodes.models import Node
from media_pipeline.show_rules import runs
from media_pipeline.show_rules.models import RunState
from media_pipeline.show_rules.rules import save_rule
from media_pipeline.time_lapses import making
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from tests.builders import make_capture, make_device, make_program, make_user
from tests.nodes import being

pytestmark = pytest.mark.django_db
SAID = "The file is on the machine b, which has been silent since"
SAID_IN_CHINESE = "文件在机器 b 上"


@pytest.fixture
def away(tmp_path):
    with being(tmp_path, "a"):
        here.join()
    with being(tmp_path, "b"):
        capture = make_capture(make_device("porch", name="Porch"))
    Node.objects.filter(name="b").update(seen_at=Now() - timedelta(hours=1))
    with being(tmp_path, "a"):
        yield SimpleNamespace(capture=capture, owner=make_user("ada", "owner"))


def assert_away(answer, language: str = "en") -> None:
    assert answer.status_code == 503 and answer["Cache-Control"] == "no-store" and answer["Retry-After"]
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert (SAID if language == "en" else SAID_IN_CHINESE) in answer.content.decode()


def test_its_page_and_the_lightbox_say_where_it_is(away, client):
    client.force_login(away.owner)
    for path in ("", "/panel"):
        page = client.get(f"/captures/{away.capture.pk}{path}").content.decode()
        assert SAID in page and "The picture is not lost" in page and "missing" not in page
    client.cookies["photohub_language"] = "zh-hans"
    for path in ("", "/panel"):
        assert SAID_IN_CHINESE in client.get(f"/captures/{away.capture.pk}{path}").content.decode()
    assert_away(client.get(f"/captures/{away.capture.pk}/original"), "zh")


def test_its_file_is_said_to_be_away_wherever_it_is_asked_for(away, client):
    client.force_login(away.owner)
    assert_away(client.get(f"/captures/{away.capture.pk}/original"))
    assert_away(client.get("/devices/porch/latest.jpg"))
    assert_away(client.get(f"/p/{away.capture.code}"))
    link = sharing.share(sharing.Wish((away.capture,)), away.owner, sharing.ends_after("1d"), "")
    for path in (away.capture.pk, f"{away.capture.pk}/thumb", "latest.jpg"):
        assert_away(client.get(f"/s/{link.code}/{path}"))
    Capture.objects.update(trashed_at=timezone.now())
    for path in ("original", "thumb"):
        assert_away(client.get(f"/trash/{away.capture.pk}/{path}"))


def test_instead_of_its_preview_there_is_a_drawing_that_nobody_keeps(away, client):
    client.force_login(away.owner)
    answer = client.get(f"/captures/{away.capture.pk}/thumb")
    assert answer.status_code == 503 and answer["Content-Type"] == "image/svg+xml"
    assert answer["Cache-Control"] == "no-store" and b"<circle" in answer.content


def test_programs_are_told(away):
    program = make_program(away.owner)
    url = f"/api/v1/captures/{away.capture.pk}"
    assert program.get(url).json()["away"].startswith(SAID)
    assert SAID_IN_CHINESE in program.get(url, headers={"Accept-Language": "zh-hans"}).json()["away"]
    Node.objects.update(seen_at=Now())
    known.forget()
    assert program.get(url).json()["away"] == ""


@pytest.mark.django_db(transaction=True)
async def test_an_archive_names_it_apart_from_what_is_missing(tmp_path):
    capture = SimpleNamespace(
        node=7, pk=None, size_bytes=1, sha256="", device=SimpleNamespace(code="porch"),
        path="porch/a.jpg", code="x1", received_at=timezone.now(),
    )  # fmt: skip
    with being(tmp_path, "a"):
        data = b"".join([chunk async for chunk in zip_chunks([capture])])
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.namelist() == ["AWAY.txt"] and b"has not joined" in archive.read("AWAY.txt")


def test_it_is_not_sent_to_a_panel_and_the_reason_is_said(away):
    make_device("hall", profile="panel")
    program = make_program(away.owner)
    for url, body in (
        ("/api/v1/devices/hall/deliveries", {"capture": str(away.capture.pk)}),
        ("/api/v1/devices/hall/playlist", {"items": [{"capture": str(away.capture.pk)}]}),
    ):
        send = program.post if url.endswith("deliveries") else program.put
        answer = send(url, json.dumps(body), content_type="application/json")
        assert (answer.status_code, answer.json()["err"]) == (503, "away")
        assert answer.json()["des"].startswith(SAID)
    with pytest.raises(fetching.CannotFetch, match=SAID):
        fetching.fetch_picture(link_of(away.capture))
    assert take_turn(PlaylistItem(camera=away.capture.device)) is None


def test_the_page_that_shows_pictures_on_panels_says_it(away, client):
    make_device("hall", profile="panel")
    client.force_login(away.owner)
    answer = client.post("/devices/hall/show/", {"source": "capture", "capture": str(away.capture.pk)})
    assert SAID in answer.content.decode()


def test_a_rule_that_cannot_show_it_says_so(away):
    panel = make_device("hall", profile="panel", simulated=True)
    rule = save_rule({"name": "Door", "camera": away.capture.device}, [panel])
    rule.refresh_from_db()
    rule.created_at = away.capture.received_at
    type(rule).objects.update(created_at=timezone.now() - timedelta(hours=1))
    rule.refresh_from_db()
    runs.run_rule(rule)
    for run in rule.runs.all():
        assert (run.state, run.reason_word) == (RunState.FAILED, "away") and run.reason.startswith(SAID)


def test_a_film_waits_for_it_and_leaves_no_picture_out(away):
    film = time_lapses.ask_for(time_lapses.Wish(device=away.capture.device))
    making.make_all([film.pk])
    row = TimeLapse.objects.get()
    assert row.state == LapseState.WORKING and row.error.startswith(SAID) and row.frames_skipped == 0
    assert row.next_try_at > timezone.now()
