import asyncio
import time
from types import SimpleNamespace

import httpx
import pytest
from asgiref.sync import sync_to_async

from devices.firmware import images
from devices.panels.sources import outbox
from media_pipeline.captures.models import Capture
from media_pipeline.node_files import endpoint
from media_pipeline.nodes import here, signing
from media_pipeline.picture_files import store
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from photohub import asgi
from photohub.lib.ids import new_id
from tests.builders import make_capture, make_device, make_jpeg
from tests.nodes import being

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def node(tmp_path):
    """The second of two machines, with a picture and a film."""
    with being(tmp_path, "a"):
        here.join()
        other = make_capture(make_device("yard"))
    with being(tmp_path, "b"):
        capture = make_capture(make_device("porch"), make_jpeg(text="x"))
        film = TimeLapse.objects.create(
            device=capture.device, node=2, fps=1, width=64, frames_total=1, state=LapseState.READY
        )
        time_lapses.film_path(film.pk).write_bytes(bytes(range(256)) * 4096)
        yield SimpleNamespace(capture=capture, other=other, film=film)


async def get(path: str, proof: str | None = None, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask as another machine does, by an address that is none of the hub's outside names."""
    headers[signing.HEADER] = signing.sign(path, time.time()) if proof is None else proof
    transport = httpx.ASGITransport(asgi.application, client=("10.0.0.3", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.2", trust_env=False) as client:
        return await client.request(method, path, headers=headers)


async def test_a_picture_is_handed_out_as_it_was_sent(node):
    answer = await get(f"/nodes/2/original/{node.capture.pk}")
    assert answer.status_code == 200 and answer.content == make_jpeg(text="x")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Length"] == str(node.capture.size_bytes)


async def test_a_preview_is_made_when_it_is_missing(node):
    answer = await get(f"/nodes/2/preview/{node.capture.pk}")
    assert answer.status_code == 200 and answer.content[8:12] == b"WEBP"


async def test_a_picture_in_the_trash_has_its_file_as_well(node):
    await sync_to_async(Capture.everything.update)(trashed_at=node.capture.received_at)
    assert (await get(f"/nodes/2/original/{node.capture.pk}")).status_code == 200


async def test_a_film_is_handed_out_in_parts(node):
    path = f"/nodes/2/film/{node.film.pk}"
    whole, part = await get(path), await get(path, Range="bytes=1000-1999")
    assert len(whole.content) == 2**20 and whole.headers["Accept-Ranges"] == "bytes"
    assert part.status_code == 206 and part.content == whole.content[1000:2000]
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{2**20}"
    same = await get(path, **{"If-None-Match": whole.headers["ETag"]})
    assert same.status_code == 304 and not same.content
    assert (await get(path, Range="bytes=9999999-")).status_code == 416


async def test_images_and_pictures_for_panels_are_handed_out_by_their_hash(node, monkeypatch):
    picture = await sync_to_async(outbox.keep)(b"drawn")
    image = "ab" * 32
    images.path_of(image).write_bytes(b"an image")
    assert (await get(f"/nodes/2/panel/{picture}")).content == b"drawn"
    assert (await get(f"/nodes/2/firmware/{image}")).content == b"an image"
    for missing in (f"/nodes/2/panel/{image}", f"/nodes/2/firmware/{picture}", f"/nodes/2/panel/{image}x"):
        assert (await get(missing)).status_code in (400, 404)
    assert (await get(f"/nodes/1/panel/{picture}")).status_code == 421
    assert (await get(f"/nodes/2/panel/{picture}", "x")).status_code == 403
    monkeypatch.setattr(endpoint, "SHARED_AT_ONCE", 0)
    assert (await get(f"/nodes/2/panel/{picture}")).status_code == 503
    assert (await get(f"/nodes/2/original/{node.capture.pk}")).status_code == 200


async def test_without_a_good_proof_nothing_is_looked_at(node, monkeypatch):
    monkeypatch.setattr(endpoint, "_find", None)
    path = f"/nodes/2/original/{node.capture.pk}"
    others = signing.sign(f"/nodes/1/original/{node.capture.pk}", time.time())
    old = signing.sign(path, time.time() - 3600)
    for proof in ("", "x", others, old):
        assert (await get(path, proof)).status_code == 403
    assert (await get(path, method="POST")).status_code == 405


async def test_what_this_machine_has_not_is_404_and_what_is_anothers_is_not_looked_for(node):
    assert (await get(f"/nodes/2/original/{new_id()}")).status_code == 404
    assert (await get(f"/nodes/2/original/{node.other.pk}")).status_code == 404
    assert (await get(f"/nodes/1/original/{node.other.pk}")).status_code == 421
    await sync_to_async(store.full_path(node.capture.path).unlink)()
    assert (await get(f"/nodes/2/original/{node.capture.pk}")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/nodes/2/secret/{}", "/nodes/2/original/../{}", "/nodes/x/original/{}", "/nodes/2/original/{}/"]
)
async def test_no_other_address_is_served(node, path):
    assert (await get(path.format(node.capture.pk))).status_code in (400, 404)


async def test_so_many_are_served_at_once_and_no_more(node, monkeypatch):
    monkeypatch.setattr(endpoint, "AT_ONCE", 0)
    answer = await get(f"/nodes/2/original/{node.capture.pk}")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
    assert (await get(f"/nodes/2/film/{node.film.pk}")).status_code == 200
    assert set(endpoint._sending.values()) == {0}


async def test_one_that_takes_nothing_is_left(node, monkeypatch):
    monkeypatch.setattr(endpoint, "_WITHIN_S", 0.05)
    scope = {"path": f"/nodes/2/original/{node.capture.pk}", "method": "GET"}
    scope["headers"] = [(signing.HEADER.lower().encode(), signing.sign(scope["path"], time.time()).encode())]

    async def never(_message) -> None:
        await asyncio.Event().wait()

    await asyncio.wait_for(endpoint.application(scope, None, never), 5)
    assert set(endpoint._sending.values()) == {0}


async def test_a_hub_with_one_machine_has_no_such_address(node, settings):
    settings.NODE_URL = ""
    assert (await get(f"/nodes/2/original/{node.capture.pk}")).status_code == 404


async def test_a_machine_whose_place_a_copy_took_hands_out_nothing(node, monkeypatch):
    def refuse() -> None:
        raise here.NodeRefused("a copy")

    monkeypatch.setattr(here, "_confirm", refuse)
    assert (await get(f"/nodes/2/original/{node.capture.pk}")).status_code == 503
