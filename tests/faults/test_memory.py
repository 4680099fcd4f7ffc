"""The embedded hub stays small whatever comes at once; in the long form alone, since it takes a minute of both cores."""

import io
import re
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image

from tests.faults.hub import wait_until
from tests.hub_process import HubProcess, running_hub

MB_AT_MOST = 350
OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}

pytestmark = pytest.mark.long


def peak_mb(hub: HubProcess) -> int:
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024


def make_large_png(number: int) -> bytes:
    """Return 40 million pixels of 16-bit grey, which take the most memory of all on the way to 8 bits."""
    out = io.BytesIO()
    Image.new("I;16", (8000, 5000), number * 1000).save(out, "PNG", compress_level=1)
    return out.getvalue()


def get(url: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def log_in_wrongly(hub: HubProcess, number: int) -> int:
    """Post a wrong password as a browser does, with the page's own CSRF token."""
    with urllib.request.urlopen(f"{hub.url}/login", timeout=60) as page:
        text, cookie = page.read().decode(), page.headers["Set-Cookie"].partition(";")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[1]
    data = f"csrfmiddlewaretoken={token}&username=guess{number}&password=wrong".encode()
    headers = {"Cookie": cookie, "Referer": hub.url}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"{hub.url}/login", data, headers), timeout=60
        ) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def test_wrong_logins_and_previews_of_large_pictures_at_once_stay_below_the_limit():
    with running_hub(env=OWNER) as hub:
        camera = hub.add_device("porch")
        token = hub.run("api_token", "ada").strip().splitlines()[-1]
        for number in range(5):
            request = urllib.request.Request(f"{hub.url}/api/upload", make_large_png(number))
            request.add_header("X-Device-Key", camera["key"])
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200
        ids = [UUID(row[0]) for row in hub.rows("SELECT id FROM media_pipeline_capture")]
        bearer = {"Authorization": f"Bearer {token}"}
        with ThreadPoolExecutor(21) as pool:
            logins = [pool.submit(log_in_wrongly, hub, number) for number in range(16)]
            looks = [pool.submit(get, f"{hub.url}/captures/{pk}/thumb", bearer) for pk in ids]
            assert {login.result() for login in logins} <= {200, 403, 422, 429, 503}
            assert {look.result() for look in looks} == {200}
        wait_until(lambda: hub.answers(), 10, "the hub answers")
        assert peak_mb(hub) < MB_AT_MOST
