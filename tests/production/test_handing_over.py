"""Firmware images that nginx sends and the hub only allows, with the nginx of docker-compose.yml and two web servers."""

import asyncio
import base64
import hashlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.flows.story import Visitor, until
from tests.flows.updates import OLD, Update, release
from tests.ports import free_ports
from tests.production.stack import Stack, command_of, is_open, wait_for, write_nginx_conf

# More than what the kernel takes for a device that reads nothing.
LARGE_BYTES = 16 * 2**20
THROUGH = {"X-Sends-Firmware": "nginx"}


async def offer(stack: Stack, maker: Visitor, **more) -> tuple[Update, str]:
    """Return an update that was offered to its device, and the address of its image."""
    update = await release(stack, maker, **more)
    answer = await asyncio.to_thread(update.check, OLD)
    return update, answer.json()["url"]


async def ask(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as device:
        return await device.request(method, url, headers=named(headers))


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def kept_by_nginx(stack: Stack, data: bytes) -> list[Path]:
    """Return the files in which nginx keeps this image."""
    return [path for path in (stack.folder / "nginx-firmware").glob("*") if data in path.read_bytes()]


def read_some(url: str, size_bytes: int) -> socket.socket:
    """Ask for an image as a slow device, and return the connection when so many bytes have come."""
    parts = httpx.URL(url)
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    link.settimeout(20)
    link.connect((parts.host, parts.port))
    link.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc.decode()}\r\n\r\n".encode())
    got_bytes = 0
    while got_bytes < size_bytes:
        got_bytes += len(link.recv(16_384))
    return link


async def test_the_whole_image_comes_from_nginx_and_is_noted_as_fetched(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    answer = await ask(url)
    digest = base64.b64encode(hashlib.sha256(update.new.data).digest()).decode()
    assert (answer.status_code, answer.content) == (200, update.new.data)
    assert answer.headers["etag"] == f'"{hashlib.sha256(update.new.data).hexdigest()}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["x-md5"] == hashlib.md5(update.new.data, usedforsecurity=False).hexdigest()
    assert answer.headers.get_list("cache-control") == ["no-store, no-transform"]
    assert not [name for name in answer.headers if name.startswith("x-accel")]
    assert len(kept_by_nginx(stack, update.new.data)) == 1
    assert (await update.reach("flashing"))["percent"] == 100


async def test_the_bytes_of_the_second_download_are_those_that_nginx_kept(
    stack: Stack, maker: Visitor
) -> None:
    update, url = await offer(stack, maker)
    await ask(url)
    (kept,) = kept_by_nginx(stack, update.new.data)
    kept.write_bytes(kept.read_bytes()[:-1] + bytes([update.new.data[-1] ^ 1]))
    assert (await ask(url)).content[:-1] == update.new.data[:-1]
    assert (await ask(url)).content[-1] != update.new.data[-1]


async def test_an_arduino_board_gets_its_image_from_nginx(stack: Stack, maker: Visitor) -> None:
    update = await release(stack, maker)
    path = f"{stack.url}/ota/esp/{update.device['key']}"
    told = {"x-ESP8266-mode": "sketch", "x-ESP8266-version": OLD, "x-ESP8266-chip-size": str(2**24)}
    answer = await ask(path, **told)
    assert (answer.status_code, answer.content) == (200, update.new.data)
    assert answer.headers["x-md5"] == hashlib.md5(update.new.data, usedforsecurity=False).hexdigest()
    assert kept_by_nginx(stack, update.new.data)
    assert (await update.reach("flashing"))["door"] == "esp"


async def test_a_part_goes_on_where_the_device_stopped(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    data, etag = update.new.data, f'"{hashlib.sha256(update.new.data).hexdigest()}"'
    first = await ask(url, Range="bytes=0-99999")
    assert (first.status_code, first.content) == (206, data[:100_000])
    assert first.headers["content-range"] == f"bytes 0-99999/{len(data)}"
    assert (await until(lambda: at_least(update, 50), 20))["state"] == "downloading"
    rest = await ask(url, Range="bytes=100000-", If_Range=etag)
    assert (rest.status_code, rest.content) == (206, data[100_000:])
    assert (await update.reach("flashing"))["percent"] == 100


async def at_least(update: Update, percent: int) -> dict | None:
    target = await update.target()
    return target if target["percent"] >= percent else None


async def test_a_part_of_another_image_is_answered_with_the_whole_one(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    for tag in ('"0123"', 'W/"0123"', "Sun, 06 Nov 1994 08:49:37 GMT"):
        answer = await ask(url, Range="bytes=100000-", If_Range=tag)
        assert (answer.status_code, answer.content) == (200, update.new.data)
    assert (await update.reach("flashing"))["percent"] == 100


@pytest.mark.parametrize(
    ("wanted", "status", "first", "end"),
    [
        ("bytes=10-", 206, 10, None),
        ("bytes=-70000", 206, -70_000, None),
        ("bytes=70000-9999999", 206, 70_000, None),
        ("bytes=5-9", 206, 5, 10),
        ("bytes=0-1,5-199998", 200, 0, None),
        ("bytes=9-5", 200, 0, None),
        ("bytes=x", 200, 0, None),
        ("bytes=99999999-", 416, 0, 0),
    ],
)
async def test_parts_are_cut_as_the_hub_cuts_them(
    stack: Stack, maker: Visitor, wanted: str, status: int, first: int, end: int | None
) -> None:
    update, url = await offer(stack, maker)
    answer = await ask(url, Range=wanted)
    assert (answer.status_code, answer.content) == (status, update.new.data[first:end])


async def test_head_and_304_move_nothing(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    head = await ask(url, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(update.new.data))
    same = await ask(url, If_None_Match=head.headers["etag"])
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", head.headers["etag"])
    assert not kept_by_nginx(stack, update.new.data)
    target = await update.target()
    assert (target["state"], target["percent"]) == ("offered", 0)


async def test_who_leaves_in_the_middle_has_not_fetched_it(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker, size_bytes=LARGE_BYTES)
    link = await asyncio.to_thread(read_some, url, 1_000_000)
    assert (await until(lambda: in_state(update, "downloading"), 20))["percent"] == 0
    link.close()
    assert 5 <= (await until(lambda: at_least(update, 1), 20))["percent"] < 90
    # nginx has all of it nevertheless, and nothing keeps it from sending the rest.
    assert kept_by_nginx(stack, update.new.data)
    rest = await ask(url, Range="bytes=1000000-")
    assert rest.content == update.new.data[1_000_000:]
    assert (await update.reach("flashing"))["percent"] == 100


async def in_state(update: Update, state: str) -> dict | None:
    target = await update.target()
    return target if target["state"] == state else None


async def test_an_end_that_is_never_told_holds_nothing_up(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker, size_bytes=LARGE_BYTES)
    link = await asyncio.to_thread(read_some, url, 1_000_000)
    await until(lambda: in_state(update, "downloading"), 20)
    await asyncio.to_thread(stack.stop, "nginx", signal.SIGKILL)
    link.close()
    await asyncio.to_thread(stack.start, "nginx")
    await asyncio.to_thread(wait_for, "nginx serves", lambda: stack.get("/healthz"), 20)
    assert (await update.target())["percent"] == 0
    answer = await asyncio.to_thread(update.check, update.new.version)
    assert answer.status_code == 204
    await update.reach("proved")


async def test_a_permission_ends_between_two_parts(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    assert (await ask(url, Range="bytes=0-99999")).status_code == 206
    assert (await maker.api.post(f"/rollouts/{update.rollout}/cancel")).status_code == 200
    refused = await ask(url, Range="bytes=100000-")
    assert (refused.status_code, refused.json()["err"]) == (404, "not_found")
    assert kept_by_nginx(stack, update.new.data)


async def test_an_image_that_changed_on_the_disk_is_not_sent_from_nginx_either(
    stack: Stack, maker: Visitor
) -> None:
    update, url = await offer(stack, maker)
    assert (await ask(url)).status_code == 200
    path = stack.data / "firmware" / hashlib.sha256(update.new.data).hexdigest()
    path.write_bytes(update.new.data[:-1] + bytes([update.new.data[-1] ^ 1]))
    refused = await ask(url)
    assert (refused.status_code, refused.json()["err"]) == (500, "integrity")


async def test_another_image_takes_the_place_of_the_first(stack: Stack, maker: Visitor) -> None:
    first, url = await offer(stack, maker)
    assert (await ask(url)).content == first.new.data
    second, other = await offer(stack, maker)
    etag = f'"{hashlib.sha256(first.new.data).hexdigest()}"'
    answer = await ask(other, Range="bytes=100000-", If_Range=etag)
    assert (answer.status_code, answer.content) == (200, second.new.data)


async def handed_over(stack: Stack, url: str, web: str = "web0") -> str:
    """Return where the hub sends nginx for this image."""
    direct = url.replace(stack.url, f"http://127.0.0.1:{stack.ports[web]}")
    answer = await ask(direct, **THROUGH)
    assert (answer.status_code, answer.content) == (200, b"")
    return answer.headers["x-accel-redirect"]


async def test_either_web_server_honours_the_tickets_of_the_other(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    path = await handed_over(stack, url, "web0")
    image = await ask(f"http://127.0.0.1:{stack.ports['web1']}{path}")
    assert (image.status_code, image.content) == (200, update.new.data)


async def test_nobody_reaches_from_outside_what_is_for_nginx(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    path = await handed_over(stack, url)
    sha256, _, ticket = path.removeprefix("/ota/image/").partition("?")
    sent = f"/ota/sent?image={sha256}&ticket={ticket}&status=200&bytes={len(update.new.data)}"
    for method, way in (("GET", path), ("GET", f"/ota/%69mage/{sha256}?{ticket}"), ("POST", sent)):
        for headers in ({}, THROUGH, {"X-Accel-Redirect": path}):
            answer = await ask(f"{stack.url}{way}", method, **headers)
            assert answer.status_code == 404 and update.new.data not in answer.content
    assert (await update.reach("downloading"))["percent"] == 0


async def test_a_forged_ticket_opens_and_reports_nothing(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    web = f"http://127.0.0.1:{stack.ports['web0']}"
    path = await handed_over(stack, url)
    sha256, _, ticket = path.removeprefix("/ota/image/").partition("?")
    forged = ticket[:-1] + ("0" if ticket[-1] != "0" else "1")
    later = ticket.replace(".0.", ".7.", 1)
    for bad in (forged, later, "", "1.0.9.1.2"):
        sent = f"/ota/sent?image={sha256}&ticket={bad}&status=200&bytes={len(update.new.data)}"
        assert (await ask(f"{web}/ota/image/{sha256}?{bad}")).status_code == 404
        assert (await ask(f"{web}{sent}", "POST")).status_code == 404
    assert (await update.reach("downloading"))["percent"] == 0


async def test_a_request_past_nginx_gets_its_bytes_from_the_hub(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    direct = url.replace(stack.url, f"http://127.0.0.1:{stack.ports['web0']}")
    answer = await ask(direct)
    assert (answer.status_code, answer.content) == (200, update.new.data)
    assert "x-accel-redirect" not in answer.headers


async def test_nginx_writes_neither_tokens_nor_tickets_into_its_log(stack: Stack, maker: Visitor) -> None:
    update, url = await offer(stack, maker)
    await ask(url)
    await update.reach("flashing")
    path = await handed_over(stack, url)
    log = (stack.folder / "nginx.log").read_text()
    assert '"GET /ota/f/..." 200 200000 ' in log
    # Of a ticket, only the time that it was made and its signature change.
    assert url.rpartition("/")[2] not in log and path.rpartition("?")[2].rsplit(".", 2)[0] not in log


# Files end at 1 MB, and to write more fails: as in a folder that is full, which only root can make.
CRAMPED = ("sh", "-c", "trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "sh")


@pytest.fixture
def cramped(stack: Stack) -> Iterator[str]:
    """Run another nginx before the same web servers, which can keep no large image; yield its address."""
    folder = stack.folder / "cramped"
    folder.mkdir()
    ports = stack.ports | {"nginx": free_ports(1)[0]}
    command = [
        *CRAMPED,
        command_of("nginx")[0],
        "-c",
        str(write_nginx_conf(folder, ports)),
        "-g",
        "daemon off;",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as nginx:
        try:
            wait_for("nginx serves", lambda: is_open(ports["nginx"]), 20)
            yield f"http://127.0.0.1:{ports['nginx']}"
        finally:
            nginx.terminate()
    shutil.rmtree(folder)


async def test_an_image_for_which_nginx_has_no_room_comes_from_the_hub(
    stack: Stack, maker: Visitor, cramped: str
) -> None:
    update, url = await offer(stack, maker, size_bytes=3_000_000)
    url = url.replace(stack.url, cramped)

    async def try_it() -> bytes:
        try:
            return (await ask(url)).content
        except httpx.RemoteProtocolError:
            return b""

    # One try at most for each web server, until it knows.
    tries = [await try_it() for _ in range(8)]
    assert tries.count(update.new.data) >= 6 and tries[-1] == update.new.data
    assert url.rpartition("/")[2] not in (stack.folder / "cramped" / "log").read_text()
    assert (await update.reach("flashing"))["percent"] == 100
