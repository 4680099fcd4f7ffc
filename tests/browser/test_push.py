"""Messages to a browser, in a real one: the service worker shows them, and shows the offline page and nothing else."""

import json

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.new_user import OWNER, PASSWORD, owner_in
from tests.hub_process import running_hub

READY = "async () => { await navigator.serviceWorker.register('/worker.js'); await navigator.serviceWorker.ready; }"
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map((each) => [each.title, each.body, each.tag, each.data.path])"""
KEPT = """async () => {
  const kept = [];
  for (const name of await caches.keys()) kept.push(...(await (await caches.open(name)).keys()));
  return kept.map((request) => request.url);
}"""


@pytest.fixture(scope="module")
def hub():
    with running_hub(env={"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}) as hub:
        yield hub


@pytest.fixture
def context(browser, hub):
    context = owner_in(browser, hub, base_url=hub.url, permissions=["notifications"])
    context.new_page()
    yield context
    context.close()


def deliver(context: BrowserContext, page, message: dict) -> None:
    """Hand the browser a message, as its push service does."""
    session = context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda e: found.extend(r["registrationId"] for r in e["registrations"]),
    )
    session.send("ServiceWorker.enable")
    while not found:
        page.wait_for_timeout(20)
    origin = page.evaluate("location.origin")
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": origin, "registrationId": found[-1], "data": json.dumps(message)},
    )


def test_a_message_is_shown_once_however_often_it_comes(context):
    page = context.pages[0]
    page.goto("/alerts/channels/new?service=push")
    page.evaluate(READY)
    message = {"title": "Porch is silent", "body": "Since noon.", "path": "/devices/porch/", "tag": "id-1"}
    for _time in range(2):
        deliver(context, page, message)
    page.wait_for_function(f"async () => (await ({SHOWN})()).length")
    assert page.evaluate(SHOWN) == [["Porch is silent", "Since noon.", "id-1", "/devices/porch/"]]


def test_without_a_network_a_page_says_so_and_no_page_or_picture_was_kept(context):
    page = context.pages[0]
    page.goto("/alerts/")
    page.evaluate(READY)
    page.goto("/devices/")
    context.set_offline(True)
    page.goto("/devices/")
    assert page.inner_text("h1") == "PhotoHub cannot be reached"
    kept = page.evaluate(KEPT)
    assert [
        url for url in kept if "/static/" not in url and not url.endswith(("/offline", "/icon-192.png"))
    ] == []
    context.set_offline(False)
    page.goto("/devices/")
    assert page.inner_text("h1") != "PhotoHub cannot be reached"
