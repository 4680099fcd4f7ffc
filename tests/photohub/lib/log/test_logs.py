"""The log tells what happened in one line each, and neither secrets nor lines that somebody else made up."""

import io
import json
import logging
import threading

import pytest

from photohub.lib.ids import new_key, new_link_code
from photohub.lib.log import logs
from photohub.lib.log.logs import escape, mask

KEY = "kT9secretsecretsecretsecretsecretsecretsec"
FORGED = "porch\n2026-01-01T00:00:00Z [error    ] forged\r\x1b[2J\u202eslander\u2028\x85end"


@pytest.mark.parametrize(
    "line",
    [
        f"POST /api/upload/{KEY} 200",
        f"GET /ota/esp/{KEY}?module=a",
        f"GET /panel/{KEY}/next 200",
        f"GET /panel/{KEY} 404",
        f"GET /panel/i/{KEY}.bmp 200",
        f"https://bucket/a.jpg?x-oss-signature={KEY}&x=1",
        f"Authorization: Bearer {KEY}",
        f"postgres://photohub:{KEY}@db/photohub",
        f"redis://:{KEY}@redis:6379/0",
        "Gone: /invitation/MQ/c1a2b3-secretsecretsecret",
        "Not Found: /setup/ImZpcnN0IG93bmVyIg:secret:secret",
        "GET /p/0h3k5m7n9qsecret 404",
        "GET /broker/secret-word-of-mine/emqx/authn",
        "/x?token=secret&a=1",
    ],
)
def test_secrets_never_reach_the_log(line):
    assert KEY not in mask(line) and "secret" not in mask(line) and "…" in mask(line)


@pytest.mark.parametrize(
    "path", ["/api/uploads/{}", "/API/Upload/{}", "//api//upload//{}", "/{}", "/ota/{}/x", "user='{}'"]
)
def test_keys_are_blotted_out_wherever_they_were_mistyped(path):
    keys = [new_key() for _ in range(200)]
    assert not [key for key in keys if key in mask(path.format(key))]


def test_the_codes_of_links_are_blotted_out():
    codes = [new_link_code() for _ in range(2000)]
    assert not [code for code in codes if code in mask(f"GET /p/{code}/ 404")]
    # Also where nothing but their form tells what they are, as when a device repeats one.
    assert not [code for code in codes if code in mask(f"The panel reports: {code}")]


@pytest.mark.parametrize(
    "line",
    [
        "POST /api/upload 200 http://hub:8000/p/abc",
        "GET /panel/next 401",
        "/captures/0192f0a1-b2c3-7d4e-8f90-a1b2c3d4e5f6/original",
        "photohub-before-0.5.0-20261130123456.sqlite3",
        "The device esp32-camera-front-door-2 is away.",
        "test_long_names_of_2_functions_in_tracebacks",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "key=value pairs of structlog stay: 相机 东门",
    ],
)
def test_ordinary_lines_stay_as_they_are(line):
    assert mask(line) == line.replace("key=value", "key=…")


def test_the_hubs_own_secrets_are_known_by_their_value():
    logs.know_secrets(["correct horse", "short", "photohub"])
    assert mask("it said correct horse, short, photohub") == "it said …, short, photohub"
    logs.know_secrets([])


def test_characters_that_nobody_sees_are_written_out():
    shown = escape(FORGED)
    assert shown.isprintable() and "\\n2026" in shown and "\\x1b[2J" in shown and "\\u202e" in shown
    assert escape("东门 的　相机 ☃") == "东门 的　相机 ☃"


# --- through the one handler ---


@pytest.fixture
def written(settings, monkeypatch):
    """Send all loggers through the handler as a start does, and return a function that gives what was written."""
    root, hook = logging.getLogger(), threading.excepthook
    kept, level = root.handlers[:], root.level

    def begin(form: str = "text", least: str = "DEBUG"):
        settings.LOG_FORMAT, settings.LOG_LEVEL, out = form, least, io.StringIO()
        logs.set_up()
        root.handlers[0].setStream(out)
        return out

    yield begin
    root.handlers[:], threading.excepthook = kept, hook
    root.setLevel(level)
    logs.know_secrets([])


def all_ways(text: str) -> None:
    logging.getLogger("photohub.x").warning("The client %s came.", text)
    logging.getLogger("django.request").warning("Not Found: %s", text, extra={"status_code": 404})
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("devices.x").exception("It broke for %s.", text, stack_info=True)
    thread = threading.Thread(target=lambda: int(text))
    thread.start()
    thread.join()


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_forges_a_line(written, form):
    out = written(form)
    all_ways(FORGED)
    lines = out.getvalue().splitlines()
    assert len(lines) >= 4 and not [
        line for line in lines if line.startswith("2026-01-01") or not line.isprintable()
    ]
    if form == "json":
        assert all(json.loads(line)["timestamp"] for line in lines)


def test_every_way_into_the_log_is_masked(written):
    out = written()
    all_ways(f"/api/upload/{KEY}")
    assert KEY not in out.getvalue() and "Traceback" in out.getvalue()


def test_who_was_refused_is_told_without_a_traceback(written):
    out = written()
    for status, error in ((403, "forbidden"), (400, "bad host"), (500, "broken")):
        facts = {"exc_info": ValueError(error), "extra": {"status_code": status}}
        logging.getLogger("django.request").error("Answered %s", status, **facts)
    assert out.getvalue().count("ValueError") == 1 and "broken" in out.getvalue()


def test_libraries_only_warn_however_much_the_hub_says(written):
    library = logging.getLogger("some_library.http")
    library.setLevel(logging.DEBUG)
    out = written(least="DEBUG")
    library.debug("GET /?signature=1")
    logging.getLogger("media_pipeline.x").debug("ours")
    assert "ours" in out.getvalue() and "signature" not in out.getvalue()
