"""Real servers as cameras: lighttpd for logins, nginx for certificates; small ones for what they never do."""

import asyncio
import contextlib
import datetime
import hashlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from photohub.lib.network import get as http_get
from photohub.lib.network.errors import AddressRefused, BadAnswer, CertificateRefused, GetFailed, LoginRefused
from photohub.lib.network.get import Asking, connect, get
from photohub.lib.network.login import Login
from tests.ports import free_ports

PICTURE = b"\xff\xd8\xff picture \xff\xd9"
_SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/bin"

LIGHTTPD = """
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{folder}"
server.modules = ("mod_auth", "mod_authn_file", "mod_accesslog")
accesslog.filename = "{folder}/access"
accesslog.format = "%s %U"
auth.backend = "plain"
auth.backend.plain.userfile = "{folder}/users"
auth.require = (
    "/basic" => ("method" => "basic", "realm" => "cam", "require" => "valid-user"),
    "/md5" => ("method" => "digest", "realm" => "cam", "algorithm" => "MD5", "require" => "valid-user"),
    "/sha" => ("method" => "digest", "realm" => "cam", "algorithm" => "SHA-256", "require" => "valid-user")
)
"""
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate; ssl_certificate_key {folder}/key;
        location / {{ return 200 "picture"; }}
        location /moved {{ return 302 http://127.0.0.1:{port}/; }}
    }}
}}
"""


@contextlib.contextmanager
def serving(program: str, text: str, folder: Path) -> Iterator[int]:
    """Run a server on a free port and yield the port."""
    [port] = free_ports(1)
    (folder / "conf").write_text(text.format(port=port, folder=folder))
    path = shutil.which(program, path=_SEARCHED) or program
    options = ["-D", "-f"] if program == "lighttpd" else ["-c"]
    process = subprocess.Popen([path, *options, str(folder / "conf")], stderr=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def fetch(url: str, **options) -> bytes:
    options = {"within_s": 20, "redirects": 3} | options
    async with get(url, Asking(**options)) as answer:
        return await answer.body(100_000)


def make_certificate(folder: Path, name: str = "camera", days: int = 1) -> str:
    """Write a certificate that its server made itself, and return its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(days=9)).not_valid_after(
        now + datetime.timedelta(days)
    )
    certificate = made.sign(key, hashes.SHA256())
    kinds = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *kinds))
    (folder / "certificate").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


# --- logins


@pytest.fixture(scope="module")
def lighttpd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lighttpd")
    for kind in ("basic", "md5", "sha"):
        (folder / kind).mkdir()
        (folder / kind / "a b.jpg").write_bytes(PICTURE)
    (folder / "users").write_text("anna:ge:heim%\n")
    with serving("lighttpd", LIGHTTPD, folder) as port:
        yield folder, port


@pytest.mark.parametrize("kind", ["basic", "md5", "sha"])
async def test_a_login_takes_one_refusal_for_many_fetches(lighttpd, kind):
    folder, port = lighttpd
    login = Login("anna", "ge:heim%")
    for number in range(8):
        url = f"http://127.0.0.1:{port}/{kind}/a%20b.jpg?n={number}&x=%2F"
        assert await fetch(url, login=login) == PICTURE
    # One that the server is asked for later closes its log line.
    assert await fetch(url, login=login) == PICTURE
    lines = [line.split()[0] for line in (folder / "access").read_text().splitlines() if f"/{kind}/" in line]
    assert lines.count("401") <= 1


@pytest.mark.parametrize("kind", ["basic", "md5", "sha"])
async def test_a_wrong_login_is_told_in_words(lighttpd, kind):
    url = f"http://{{}}127.0.0.1:{lighttpd[1]}/{kind}/a%20b.jpg"
    with pytest.raises(LoginRefused) as wrong:
        await fetch(url.format("anna:other@"))
    with pytest.raises(LoginRefused) as missing:
        await fetch(url.format(""))
    assert (wrong.value.word, missing.value.word) == ("fetch_login_wrong", "fetch_login_missing")
    assert await fetch(url.format("anna:ge%3Aheim%25@")) == PICTURE


@contextlib.asynccontextmanager
async def scripted(answer: Callable[[str], str]):
    """Serve what `answer` makes of each request's head; yields the port and the heads that came."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(answer(heads[-1]).encode("latin-1"))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        server.close()


OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_an_old_nonce_is_replaced_and_a_refused_one_is_not_tried_for_ever():
    nonces = iter("abcdefghij")

    def answer(head: str) -> str:
        if 'nonce="b"' in head:
            return OK
        stale = "true" if "nonce=" in head else "false"
        return f"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=x, nonce={next(nonces)}, stale={stale}\r\n\r\n"

    async with scripted(answer) as (port, heads):
        login = Login("anna", "geheim")
        url = f"http://127.0.0.1:{port}/"
        assert [await fetch(url, login=login) for _ in range(2)] == [b"ok", b"ok"]
        assert len(heads) == 4
        nonces = iter("defghij")
        with pytest.raises(LoginRefused):
            await fetch(url, login=Login("anna", "geheim"))
        assert len(heads) == 7


async def test_a_board_that_refuses_without_a_word_is_asked_with_basic():
    def answer(head: str) -> str:
        return OK if "Basic YTpi" in head else "HTTP/1.0 401 Unauthorized\n\n"

    async with scripted(answer) as (port, _heads):
        assert await fetch(f"http://a:b@127.0.0.1:{port}/") == b"ok"


# --- redirects


def moved(to: str, status: int = 302) -> str:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_few_redirects_are_followed(status):
    def answer(head: str) -> str:
        count = int(head.split()[1].rpartition("/")[2])
        return OK if count == 0 else moved(f"{count - 1}", status)

    async with scripted(answer) as (port, heads):
        assert await fetch(f"http://127.0.0.1:{port}/a/3") == b"ok" and len(heads) == 4
        with pytest.raises(BadAnswer, match="more than 3 times"):
            await fetch(f"http://127.0.0.1:{port}/a/4")
        assert len(heads) == 8


@pytest.mark.parametrize(
    ("to", "error"),
    [
        ("http://169.254.169.254/latest", AddressRefused),
        ("http://[::100.100.100.200]/", AddressRefused),
        ("//0.0.0.0/x", AddressRefused),
        ("file:///etc/passwd", BadAnswer),
        ("tcp://127.0.0.1:1", BadAnswer),
        ("http://:0/", BadAnswer),
        ("http://[::1", BadAnswer),
    ],
)
async def test_each_address_on_the_way_is_checked(to, error):
    async with scripted(lambda _head: moved(to)) as (port, heads):
        with pytest.raises(error):
            await fetch(f"http://127.0.0.1:{port}/")
        assert len(heads) == 1


async def test_a_login_stays_with_its_host():
    ask = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'

    def here(head: str) -> str:
        return moved(f"http://x:y@localhost:{there_port}/") if "Basic" in head else ask

    async with scripted(lambda _head: ask) as (there_port, there), scripted(here) as (port, _heads):
        with pytest.raises(LoginRefused) as refused:
            await fetch(f"http://anna:geheim@127.0.0.1:{port}/")
        assert refused.value.word == "fetch_login_elsewhere"
        assert len(there) == 1 and "Authorization" not in there[0]


async def test_without_leave_no_redirect_is_followed():
    async with scripted(lambda _head: moved("/x")) as (port, heads):
        with pytest.raises(BadAnswer, match="answered 302"):
            await fetch(f"http://127.0.0.1:{port}/", redirects=0)
        assert len(heads) == 1


# --- certificates


async def test_a_certificate_is_trusted_by_its_fingerprint_alone(tmp_path):
    shown = make_certificate(tmp_path, name="another.name", days=-1)
    with serving("nginx", NGINX, tmp_path) as port:
        url = f"https://127.0.0.1:{port}/"
        with pytest.raises(CertificateRefused) as unknown:
            await fetch(url)
        assert unknown.value.word == "fetch_certificate_unknown"
        assert unknown.value.values["fingerprint"] == shown and shown in str(unknown.value)
        assert await fetch(url, fingerprint=shown) == b"picture"
        with pytest.raises(CertificateRefused) as changed:
            await fetch(url.replace("//", "//anna:geheim@"), fingerprint="0" * 64)
        assert (
            changed.value.word == "fetch_certificate_changed" and changed.value.values["fingerprint"] == shown
        )
        with pytest.raises(BadAnswer, match="from https to http"):
            await fetch(url + "moved", fingerprint=shown)


async def test_a_server_without_encryption_is_told_apart():
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        with pytest.raises(GetFailed) as refused:
            await fetch(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert refused.value.word == "fetch_encryption"


async def test_the_next_address_of_a_name_is_tried(monkeypatch):
    async with scripted(lambda _head: OK) as (port, _heads):

        async def answers(_host: str, _port: int) -> list[str]:
            return ["127.0.0.9", "127.0.0.1"]

        monkeypatch.setattr(http_get, "find_addresses", answers)
        assert await fetch(f"http://cam:{port}/") == b"ok"
        with pytest.raises(AddressRefused):
            await connect("cam", port, lambda address: address.endswith(".1"), strict=True)


async def test_names_that_nobody_answers_hold_up_nothing_else(monkeypatch):
    answered = threading.Event()

    def hang(*_args, **_kwargs):
        answered.wait(60)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    async with scripted(lambda _head: OK) as (port, _heads):
        lost = [asyncio.create_task(fetch(f"http://lost{number}.example/")) for number in range(20)]
        await asyncio.sleep(0)
        assert await fetch(f"http://127.0.0.1:{port}/") == b"ok"
        assert await asyncio.to_thread(lambda: "done") == "done"
        answered.set()
        failures = await asyncio.gather(*lost, return_exceptions=True)
    assert {failure.word for failure in failures} == {"fetch_name"}
