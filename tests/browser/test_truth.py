"""What the pages say is so, in a real browser: times alike on the server and in the page, and a failure that stays."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.utils import timezone
from django.utils.translation import override
from playwright.sync_api import expect

from photohub.lib.pages.times.tags import FORMS
from photohub.lib.pages.timezones import in_timezone
from tests.browser.new_user import OWNER, PASSWORD, owner_in
from tests.builders import make_jpeg
from tests.faults.hub import wait_until
from tests.hub_process import running_hub

ZONE = "Asia/Shanghai"
TOLD_IN_BROWSER = """async ([forms, instants]) => {
  const times = await import("/static/js/times.js");
  return forms.map((form) => instants.map((at) => times.forms[form](new Date(at))));
}"""


@pytest.fixture(scope="module")
def hub():
    with running_hub(env={"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}) as hub:
        yield hub


@pytest.fixture
def page(browser, hub):
    context = owner_in(browser, hub, timezone_id=ZONE)
    yield context.new_page()
    context.close()


def send(hub, key: str, name: str) -> None:
    address, body = f"{hub.url}/api/upload/{key}", make_jpeg(320, 240, text=name)
    answer = httpx.post(address, content=body, headers={"Name-Pic": name}, trust_env=False)
    assert answer.status_code == 200


@pytest.mark.parametrize(("language", "code"), [("en", "en"), ("zh-hans", "zh-hans")])
def test_the_browser_tells_times_as_the_server_does(page, hub, language, code):
    page.context.add_cookies([{"name": "photohub_language", "value": code, "url": hub.url}])
    page.goto(f"{hub.url}/")
    now = timezone.now().replace(microsecond=0)
    ages = [timedelta(days=days, minutes=30) for days in (1, 3, 6, 9, 40, 400, 4000)]
    instants = [
        *(now - age for age in ages),
        datetime(2024, 2, 29, 16, 0, tzinfo=UTC),
        now + timedelta(hours=1),
    ]
    names = ["time", "seconds", "day", "moment", "exact", "ago", "ago_short"]
    told = page.evaluate(TOLD_IN_BROWSER, [names, [at.isoformat() for at in instants]])
    with override(language), in_timezone(ZoneInfo(ZONE)):
        assert told == [[FORMS[name](at) for at in instants] for name in names]


def test_a_camera_that_hears_no_orders_says_so_and_its_failure_stays(page, hub):
    key = hub.add_device("birds")["key"]
    send(hub, key, "a")
    # That it was seen is written after the answer.
    seen = "SELECT 1 FROM devices_device WHERE code = 'birds' AND last_seen_at IS NOT NULL"
    wait_until(lambda: hub.rows(seen), 20, "the hub has noted the camera")
    page.goto(f"{hub.url}/")
    card = page.locator("#card-birds")
    card.locator(".shutter").click(force=True)
    expect(page.locator("#toasts")).to_contain_text("It does not listen for orders")
    # A program may ask all the same, and is told within a second or two.
    page.evaluate("""() => fetch("/devices/birds/capture", { method: "POST",
      headers: JSON.parse(document.body.getAttribute("hx-headers")) })""")
    expect(card.locator(".card__fail")).to_contain_text("it is not connected by MQTT", timeout=10_000)
    send(hub, key, "b")
    expect(page.locator(".feed__list .tile")).to_have_count(2)
    expect(card.locator(".card__fail")).to_be_visible()
    card.locator("[data-dismiss] button").click()
    expect(card.locator(".card__fail")).to_have_count(0)
