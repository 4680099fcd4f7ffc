"""Passkeys in a real browser, whose virtual authenticator makes and proves them."""

import pytest
from playwright.sync_api import Page

from tests.browser.new_user import OWNER, PASSWORD, owner_in
from tests.hub_process import running_hub


@pytest.fixture(scope="module")
def hub(browser):
    with running_hub() as hub:
        hub.console.run("shell", "--no-imports", "-c", MAKE)
        # Browsers know passkeys at names only.
        hub.url = hub.url.replace("127.0.0.1", "localhost")
        # Logged in before a passkey is asked for.
        owner_in(browser, hub).close()
        yield hub


MAKE = f"from photohub.accounts import first_owner; first_owner.make_owner({OWNER!r}, {PASSWORD!r})"


def give_authenticator(page: Page) -> None:
    """Let the browser have a phone that unlocks by fingerprint."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def log_out(page: Page) -> None:
    page.evaluate("document.querySelector('form[action=\"/logout\"]').submit()")
    page.wait_for_url("**/login")


def test_a_passkey_is_the_second_step_and_stands_alone(browser, hub):
    context = browser.new_context(timezone_id="UTC")
    page = context.new_page()
    give_authenticator(page)
    page.goto(f"{hub.url}/login")
    assert not page.locator("[data-passkey-go]").count()
    page.fill("[name=username]", OWNER)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{hub.url}/")

    page.goto(f"{hub.url}/account/second-factor/keys/add")
    page.fill("#passkey-name", "My phone")
    page.click("[data-passkey-go]")
    page.wait_for_url("**/account/second-factor")
    assert (
        page.locator(".table__main").inner_text() == "My phone"
        and page.locator(".factor__codes li").count() == 10
    )

    log_out(page)
    page.fill("[name=username]", OWNER)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/login/second")
    assert page.get_by_text(f"Logging in as {OWNER}").is_visible()
    page.click("[data-passkey-go]")
    page.wait_for_url(f"{hub.url}/")

    log_out(page)
    page.click("[data-passkey-go]")
    page.wait_for_url(f"{hub.url}/")
    page.goto(f"{hub.url}/audit")
    assert page.get_by_text("By a passkey alone.").is_visible()
    context.close()


def test_a_browser_without_passkeys_says_what_they_need(browser, hub):
    context = owner_in(browser, hub, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{hub.url}/account/second-factor/keys/add")
    assert page.get_by_text("Passkeys need JavaScript").is_visible()
    assert not page.locator("[data-passkey-go]").is_visible()
    context.close()
