"""Logging in by a real OpenID Connect provider, which runs here, in a real browser."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.new_user import OWNER, PASSWORD
from tests.hub_process import running_hub
from tests.outside import from_npm, node
from tests.ports import free_ports

PROVIDER = Path(__file__).with_name("oidc_provider.mjs")
PACKAGE = "oidc-provider@9.13.3"
RULES = "groups=photohub-owners:owner, domain=example.org:viewer@Garden"
MAKE = f"from photohub.accounts import first_owner; first_owner.make_owner({OWNER!r}, {PASSWORD!r})"


@pytest.fixture(scope="module")
def hub() -> Iterator:
    folder, port = from_npm(PACKAGE) / "oidc-provider", free_ports(1)[0]
    env = {
        "PHOTOHUB_OIDC_ISSUER": f"http://localhost:{port}",
        "PHOTOHUB_OIDC_CLIENT_ID": "photohub",
        "PHOTOHUB_OIDC_CLIENT_SECRET": "a-secret-of-the-suite",
        "PHOTOHUB_OIDC_NAME": "Example",
        "PHOTOHUB_OIDC_SCOPES": "openid profile email groups",
        "PHOTOHUB_OIDC_ROLES": RULES,
    }
    with running_hub(env=env) as hub:
        hub.console.run("shell", "--no-imports", "-c", MAKE)
        hub.url = hub.url.replace("127.0.0.1", "localhost")
        command = node(str(PROVIDER), str(folder), str(port), hub.url)
        hub.provider = provider = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert "listening" in provider.stdout.readline()
            yield hub
        finally:
            provider.kill()
            provider.wait()


def come_by_provider(browser: Browser, hub, name: str) -> Page:
    page = browser.new_context(timezone_id="UTC").new_page()
    page.goto(f"{hub.url}/login?next=/account")
    page.click("text=Log in with Example")
    at_provider(page, name)
    return page


def at_provider(page: Page, name: str) -> None:
    """Log in there, and allow what the hub asks for."""
    page.fill("[name=login]", name)
    page.fill("[name=password]", "any")
    page.click("button[type=submit]")
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/interaction/" not in url)


def lede(page: Page) -> str:
    return " ".join(page.locator("header .lede").inner_text().split())


def test_claims_say_who_comes_in_and_as_what(browser, hub):
    owner = come_by_provider(browser, hub, "olga")
    assert owner.url == f"{hub.url}/account" and lede(owner) == "olga · Owner"
    owner.goto(f"{hub.url}/groups")
    assert owner.get_by_text("Garden").count() == 0
    viewer = come_by_provider(browser, hub, "victor")
    assert lede(viewer) == "victor · Viewer"
    owner.goto(f"{hub.url}/people")
    assert "Garden" in owner.locator("tr", has_text="victor").inner_text()
    owner.goto(f"{hub.url}/audit")
    assert owner.get_by_text("By Example.").count() == 4


def test_who_fits_no_rule_is_told_whom_to_ask(browser, hub):
    page = come_by_provider(browser, hub, "mallory")
    assert "has no access here" in page.inner_text("main") and "Ask an owner" in page.inner_text("main")
    page.goto(f"{hub.url}/account")
    assert "/login" in page.url


def test_a_name_that_is_taken_is_connected_by_its_own_person(browser, hub):
    assert OWNER == "alice"
    page = come_by_provider(browser, hub, "alice")
    assert "already a person called alice" in page.inner_text("main")
    page = browser.new_context(timezone_id="UTC").new_page()
    page.goto(f"{hub.url}/login?next=/account")
    page.fill("[name=username]", OWNER)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.click("text=Connect with Example")
    at_provider(page, "alice")
    assert page.get_by_text("You can log in with Example now.").is_visible()
    page = come_by_provider(browser, hub, "alice")
    assert lede(page) == "alice · Owner"


def test_a_provider_that_is_away_is_said(browser, hub):
    hub.provider.kill()
    hub.provider.wait()
    page = browser.new_context(timezone_id="UTC").new_page()
    page.goto(f"{hub.url}/login")
    page.click("text=Log in with Example")
    assert "Example cannot be reached just now." in page.inner_text("main")
