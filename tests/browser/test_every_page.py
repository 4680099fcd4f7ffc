"""Every page of the hub, looked at by a strict reader. A page that is new is looked at too, or fails here."""

import json

import httpx
import pytest
from django.urls import reverse
from playwright.sync_api import Browser

from photohub.pages.site_map import ROOMS
from simulators.raspberry_pi import RaspberryPi, RaspberryPiConfig
from tests.browser.looking import Reader
from tests.browser.new_user import owner_in, powered, setup_link
from tests.builders import make_jpeg
from tests.hub_process import running_hub
from tests.outside import from_lock
from tests.rights.table import PAGES, rows

FILL = "from tests.browser.full_hub import fill; fill()"
# Answers to programs, files, and fragments of pages.
NO_PAGES = set(
    """
healthz readyz favicon.ico manifest.webmanifest icon-<int:side>.png worker.js
audit.csv gaps.csv login/second login/set-up login/passkey
image panel/next panel/<str:key>/next panel/i/<str:token>
api/setup api/setup/ api/display api/display/
devices/add/code devices/show/drawn devices/deliveries/<uuid:id>/picture devices/<slug:code>/now
devices/<slug:code>/show/now devices/<slug:code>/show/shown devices/<slug:code>/show/preview
devices/<slug:code>/playlist/<uuid:id>/picture devices/<slug:code>/firstlight devices/<slug:code>/commands/<uuid:id>
devices/<slug:code>/live/going devices/<slug:code>/still.jpg devices/<slug:code>/latest.jpg
devices/<slug:code>/plots/<slug:of>.csv
cards/<slug:code> feed wall/<slug:code> history/calendar history/run trash/<uuid:id>/thumb trash/<uuid:id>/original
captures/picker captures/around captures/<uuid:id>/panel captures/<uuid:id>/original captures/<uuid:id>/thumb
timelapses/<uuid:id>/now timelapses/<uuid:id>/film.mp4 p/<slug:code>
s/<slug:code>/all.zip s/<slug:code>/latest.jpg s/<slug:code>/<uuid:id> s/<slug:code>/<uuid:id>/thumb
""".split()
)
# Whose address names something: which of the hub's. More of these show other states of the same page.
ADDRESSES = {
    "devices/render-profiles/<slug:name>/": ["devices/render-profiles/epaper-800x480-bwr/"],
    "devices/<slug:code>/": [f"devices/{{{name}}}/" for name in ("yard", "lake", "pi", "panel")],
    "devices/<slug:code>/pictures/": ["devices/{yard}/pictures/"],
    "devices/<slug:code>/show/": ["devices/{panel}/show/?capture={picture}", "devices/{yard}/show/"],
    "devices/<slug:code>/firmware/": ["devices/{board}/firmware/", "devices/{lake}/firmware/"],
    "devices/<slug:code>/playlist/": ["devices/{panel}/playlist/", "devices/kitchen/playlist/"],
    "devices/<slug:code>/connect/": ["devices/{yard}/connect/", "devices/{panel}/connect/"],
    "devices/<slug:code>/camera/": ["devices/{yard}/camera/"],
    "devices/<slug:code>/events/": ["devices/{yard}/events/"],
    "devices/<slug:code>/added/": ["devices/{lake}/added/", "devices/kitchen/added/"],
    "devices/<slug:code>/settings/": [
        f"devices/{{{name}}}/settings/" for name in ("yard", "pi", "panel", "board")
    ],
    "devices/<slug:code>/keys/": ["devices/{yard}/keys/"],
    "devices/<slug:code>/live/": ["devices/{pi}/live/", "devices/{yard}/live/"],
    "devices/<slug:code>/plots/": ["devices/{yard}/plots/?range=month", "devices/{panel}/plots/"],
    "groups/<int:pk>/devices": ["groups/1/devices", "groups/2/devices?q=no-such-thing"],
    "firmware/<uuid:id>/": ["firmware/{image}/", "firmware/{draft}/"],
    "firmware/<uuid:id>/rollout": ["firmware/{image}/rollout"],
    "firmware/rollouts/<uuid:id>/": ["firmware/rollouts/{rollout}/"],
    "captures/<uuid:id>": ["captures/{picture}", "captures/{broken}"],
    "captures/<uuid:id>/compare": ["captures/{picture}/compare"],
    "timelapses/<uuid:id>": [f"timelapses/{{{name}}}" for name in ("film", "failed_film", "waiting_film")],
    "rules/<uuid:id>": ["rules/{rule}"],
    "alerts/rules/new": [
        "alerts/rules/new",
        "alerts/rules/new?kind=silent",
        "alerts/rules/new?kind=picture",
        "alerts/rules/new?kind=hub&hub=yes",
    ],
    "alerts/rules/<uuid:id>": ["alerts/rules/{alert_rule}"],
    "alerts/channels/new": [
        f"alerts/channels/new{query}" for query in ("", "?service=mail", "?service=webhook", "?service=push")
    ],
    "alerts/channels/<uuid:id>": [f"alerts/channels/{{{name}}}" for name in ("webhook", "mail_channel")],
    "rules/<uuid:id>/edit": ["rules/{rule}/edit"],
    "schedules/<uuid:id>": ["schedules/{schedule}"],
    "schedules/<uuid:id>/edit": ["schedules/{schedule}/edit"],
    "shared-links/<slug:code>": ["shared-links/{share_some}", "shared-links/{share_ended}"],
}
MORE = [
    *(f"devices/add/?profile={profile}" for profile in ("esp32s3", "panel", "raspberry-pi")),
    *("history?q=no-such-thing", "history?kept=yes&device={yard}", "history?fold=no", "search?q=a"),
    *(
        "devices/show/?capture={picture}",
        "shared-links/new?capture={picture}",
        "timelapses/new?device={yard}",
    ),
    "api/v1/docs",
    *(
        "admin/",
        "admin/devices/device/",
        "admin/devices/device/1/change/",
        "admin/devices/devicegroup/1/change/",
        "admin/auth/user/",
    ),
    *("admin/media_pipeline/capture/", "admin/devices/devicegroup/1/delete/", "admin/password_change/"),
]
# For people without an account; the number is the answer's.
STRANGERS = {
    "login": 200,
    "{invitation}": 200,
    "invitation/MQ/no-token": 410,
    "setup/no-token": 410,
    **{f"s/{{share_{kind}}}": 200 for kind in ("one", "some", "day", "live", "locked")},
    "s/{share_ended}": 410,
    "s/no-such-link": 404,
}
PAGES_OF_STRANGERS = {"login", "setup/<str:token>", "invitation/<str:uid>/<str:token>", "s/<slug:code>"}
REFUSED = {"no/such/page": 404, "captures/00000000-0000-0000-0000-000000000000": 404}


def own_pages() -> list[str]:
    """Return the addresses of all pages for people who are logged in."""
    routes = [route for method, route in rows(PAGES) if method == "GET" and route not in PAGES_OF_STRANGERS]
    pages = [route for route in routes if route not in NO_PAGES]
    return [address for route in pages for address in ADDRESSES.get(route, [route])] + MORE


class Blinker:
    """A scene that costs next to nothing."""

    def jpeg(self, at: float, number: int) -> bytes:
        return make_jpeg(160, 120, ("peru", "olive")[number % 2], text=str(number))


@pytest.fixture(scope="module")
def axe():
    return from_lock("axe-core") / "axe.min.js"


@pytest.fixture(scope="module")
def hub(browser: Browser, axe):
    """A hub that has everything, after its page for the first owner was looked at."""
    with running_hub() as hub:
        context = browser.new_context(reduced_motion="reduce")
        hub.before = Reader(context, hub.url, axe).look(setup_link(hub.log).removeprefix("/"))
        context.close()
        hub.names = json.loads(hub.console.run("shell", "--no-imports", "-c", FILL).splitlines()[-1])
        httpx.get(f"{hub.url}/api/setup", headers={"ID": "94:A9:90:8C:6D:77"}, trust_env=False)
        stream = {"code": hub.names["pi"], "key": hub.names["pi_key"], "fps": 1, "restarts": True}
        config = RaspberryPiConfig(port=hub.stream_port, **stream)
        with powered(RaspberryPi(config, Blinker())):
            yield hub


@pytest.fixture(scope="module")
def owner(browser: Browser, hub, axe):
    context = owner_in(browser, hub, timezone_id="UTC", reduced_motion="reduce")
    yield Reader(context, hub.url, axe)
    context.close()


@pytest.fixture(scope="module")
def stranger(browser: Browser, hub, axe):
    context = browser.new_context(timezone_id="UTC", reduced_motion="reduce")
    yield Reader(context, hub.url, axe)
    context.close()


def test_the_walk_knows_every_page():
    assert [address for address in own_pages() if "<" in address] == [], (
        "say in ADDRESSES what they are about"
    )
    walked = {address.partition("?")[0] for address in own_pages()}
    listed = {reverse(page.url_name).removeprefix("/") for room in ROOMS for page in room.pages}
    assert listed - walked == set()


@pytest.mark.parametrize("address", own_pages())
def test_a_page_has_nothing_wrong(owner: Reader, hub, address):
    wrong = owner.look(address.format(**hub.names))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("address", STRANGERS)
def test_a_page_for_strangers_has_nothing_wrong(stranger: Reader, hub, address):
    wrong = stranger.look(address.format(**hub.names), STRANGERS[address])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("address", REFUSED)
def test_a_refusal_has_nothing_wrong(owner: Reader, hub, address):
    wrong = owner.look(address, REFUSED[address])
    assert not wrong, "\n".join(wrong)


def test_the_page_for_the_first_owner_has_nothing_wrong(hub):
    assert not hub.before, "\n".join(hub.before)
