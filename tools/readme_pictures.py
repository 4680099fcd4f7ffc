"""Make the pictures of the READMEs from a demo hub of its own: `python -m tools.readme_pictures`.

It takes five to ten minutes, longer on a busy machine, and needs Chromium and a Chinese font (Debian: chromium,
fonts-noto-cjk). The hub lives in a zone in which it is an early afternoon, so that the newest pictures are bright.
"""

import io
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from PIL import Image
from playwright.sync_api import Browser, Page

from photohub.demo.cast import CAMERAS, PANEL
from tests.browser.new_user import OWNER, PASSWORD, chromium, owner_in
from tests.hub_process import ROOT, HubProcess, running_hub

FOLDER = ROOT / "docs/images"
# What stands in a picture's name, the language of the hub, and that of the browser.
LANGUAGES = {"en": ("en", "en-GB"), "zh": ("zh-hans", "zh-CN")}
SIZE_AT_MOST_BYTES = 120_000
HOUR = 15
# A demo in which so long nothing happened will not get further.
_NOTHING_FOR_S = 300.0
_PAGE_WITHIN_MS = 300_000
# So far back the days are painted when the week strip of the history is full.
_PAST_DAYS = 8
_SPEAK = """
from devices.hub_settings import choices
from devices.registry.models import Panel
from photohub.demo import naming
choices.write(choices.LANGUAGE, "{language}")
naming.rename()
# Its next picture is due.
Panel.objects.update(last_poll_at=None)
"""
_ALL_LOADED = """() => [...document.images].every((image) => {
  const box = image.getBoundingClientRect();
  const isSeen = box.width && box.bottom > 0 && box.top < innerHeight;
  return !isSeen || image.naturalWidth > 0;
})"""


@dataclass(frozen=True)
class Shot:
    """One picture: of which page, and how large it is."""

    name: str
    path: Callable[[HubProcess], str]
    width: int
    height: int
    scale: int = 1
    theme: str = "light"


def find_rollout(hub: HubProcess) -> str:
    """Return the path of the page of the demo's rollout."""
    [rollout] = hub.rows("select id from devices_rollout")
    return f"/firmware/rollouts/{UUID(rollout['id'])}/"


SHOTS = (
    Shot("live", lambda hub: "/", 1440, 900),
    Shot("history", lambda hub: "/history", 390, 780, scale=2),
    Shot("panel", lambda hub: f"/devices/{PANEL[0]}/", 1240, 760),
    Shot("rollout", find_rollout, 1240, 720),
)


def file_name(shot: Shot, language: str) -> str:
    """Return the name of a picture's file in `docs/images`."""
    return f"{shot.name}.{language}.webp"


def make_zone(now: datetime, hour: int = HOUR) -> str:
    """Return the name of a time zone in which it is about this hour at `now`."""
    ahead = (hour - now.astimezone(UTC).hour + 11) % 24 - 11
    # These names tell how far UTC is ahead.
    return f"Etc/GMT{-ahead:+d}"


def is_worth_seeing(hub: HubProcess) -> bool:
    """Tell whether the last week is painted, each camera has sent a picture, and the rollout is in its second step."""
    [past] = hub.rows("select min(received_at) as at from media_pipeline_capture")
    silent = hub.rows("select 1 from devices_device where simulated and last_seen_at is null")
    proved = hub.rows("select 1 from devices_rollouttarget where step = 1 and state = 'proved'")
    begun = f"{datetime.now(UTC) - timedelta(days=_PAST_DAYS):%Y-%m-%d %H:%M:%S}"
    return bool(past["at"] and past["at"] < begun and not silent and proved)


def has_previews(hub: HubProcess) -> bool:
    """Tell whether the history finds like pictures, which it knows by their previews."""
    [left] = hub.rows("select count(*) as n from media_pipeline_capture where thumbnail_state = 'pending'")
    # New ones come all the time.
    return left["n"] <= len(CAMERAS)


def speak(hub: HubProcess, language: str) -> Callable[[], bool]:
    """Have the demo named in this language; return what tells that the panel shows a picture with its new caption."""
    begun = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    hub.console.run("shell", "--no-imports", "-c", _SPEAK.format(language=language))
    shown = "select 1 from devices_panel where shown_sha256 <> '' and shown_at > ?"
    return lambda: bool(hub.rows(shown, begun))


def wait_until(condition: Callable[[], bool], hub: HubProcess) -> None:
    """Return as soon as the condition holds, however slow the machine; raises TimeoutError when nothing happens."""
    seen, since_s = -1, time.monotonic()
    while not condition():
        [newest] = hub.rows("select max(seq) as seq from devices_event")
        if not hub.running or (newest["seq"] == seen and time.monotonic() - since_s > _NOTHING_FOR_S):
            raise TimeoutError(f"The demo stands still.\n{hub.log[-3000:]}")
        if newest["seq"] != seen:
            seen, since_s = newest["seq"], time.monotonic()
        time.sleep(1)


def take(browser: Browser, hub: HubProcess, shot: Shot, locale: str, zone: str) -> bytes:
    """Return a page as PNG, as an owner sees it who reads this language."""
    context = owner_in(
        browser,
        hub,
        viewport={"width": shot.width, "height": shot.height},
        device_scale_factor=shot.scale,
        color_scheme=shot.theme,
        reduced_motion="reduce",
        locale=locale,
        timezone_id=zone,
    )
    with closing(context):
        page = context.new_page()
        page.set_default_timeout(_PAGE_WITHIN_MS)
        page.goto(hub.url + shot.path(hub))
        _wait_until_shown(page)
        return page.screenshot()


def _wait_until_shown(page: Page) -> None:
    page.wait_for_function("() => document.documentElement.dataset.live === 'live'")
    page.wait_for_function(_ALL_LOADED)
    page.evaluate("() => document.fonts.ready")


def shrink(png: bytes, at_most_bytes: int = SIZE_AT_MOST_BYTES) -> bytes:
    """Return the picture as WebP, as good as fits."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in range(85, 30, -5):
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= at_most_bytes:
            return out.getvalue()
    raise ValueError(f"Too large: more than {at_most_bytes} bytes at any quality.")


def main() -> None:
    """Make every picture in every language."""
    FOLDER.mkdir(exist_ok=True)
    zone = make_zone(datetime.now(UTC))
    env = {
        "DJANGO_SUPERUSER_USERNAME": OWNER,
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PHOTOHUB_TIME_ZONE": zone,
    }
    with running_hub(demo=True, env=env) as hub, chromium() as browser:
        print(f"The demo of {hub.url} is being painted.", flush=True)
        wait_until(lambda: is_worth_seeing(hub) and has_previews(hub), hub)
        for language, (spoken, locale) in LANGUAGES.items():
            wait_until(speak(hub, spoken), hub)
            for shot in SHOTS:
                path = FOLDER / file_name(shot, language)
                path.write_bytes(shrink(take(browser, hub, shot, locale, zone)))
                print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
