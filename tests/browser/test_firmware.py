"""Firmware in a real browser: an image with its manifest is uploaded, rolled out, and seen to run without a reload."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from devices.firmware import signing
from tests.browser.new_user import OWNER, PASSWORD, owner_in
from tests.builders import make_jpeg
from tests.devices.firmware.builders import IMAGE, PRIVATE, signed
from tests.hub_process import running_hub


@pytest.fixture(scope="module")
def hub():
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env) as hub:
        yield hub


@pytest.fixture
def page(browser, hub):
    """An owner's page whose scripts must not fail."""
    context = owner_in(browser, hub)
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield page
    context.close()
    assert broken == []


def test_an_image_is_uploaded_rolled_out_and_seen_to_run(hub, page):
    key = hub.add_device("porch", "generic")["key"]
    page.goto(hub.url)
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.wait_for_url("**/firmware/")
    trust_a_key(page, hub.url)
    upload(page, hub.url)
    roll_out(page)
    report_version(hub.url, key, "2.0.0")
    expect(page.locator("#rollout")).to_contain_text("The device reports the new version.", timeout=15_000)
    expect(page.locator(".rollout-head__state")).to_contain_text("finished", timeout=15_000)
    assert page.evaluate("() => window.stayed"), "the page was reloaded"


DROP = """() => {
    const data = new DataTransfer();
    for (const name of ["cam.bin.manifest.json", "cam.bin"]) data.items.add(new File(["x"], name));
    const at = { dataTransfer: data, bubbles: true, cancelable: true };
    const taken = !document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", at));
    const { file, manifest } = document.querySelector("#upload").elements;
    return [taken, file.files[0].name, manifest.files[0].name];
}"""


def test_dropped_files_find_their_fields(hub, page):
    page.goto(f"{hub.url}/firmware/upload")
    expect(page.locator(".drop__say")).to_be_visible()
    assert page.evaluate(DROP) == [True, "cam.bin", "cam.bin.manifest.json"]


def test_an_image_may_be_larger_than_any_other_request(hub):
    body = bytes(40 * 2**20)
    paths = ("/firmware/keys", "/firmware/upload")
    answers = [httpx.post(hub.url + path, content=body, trust_env=False).status_code for path in paths]
    # Nobody is logged in, so the upload goes as far as the guard of forms.
    assert answers == [413, 403]


def trust_a_key(page: Page, url: str) -> None:
    page.goto(f"{url}/firmware/keys")
    page.fill("input[name=name]", "release")
    page.fill("textarea[name=public_key]", signing.public_bytes(PRIVATE).hex())
    page.click("main form button.button--primary")
    expect(page.locator("table")).to_contain_text("trusted")


def upload(page: Page, url: str) -> None:
    """Upload the image alone, which is refused beside the field; then with its manifest, the image still chosen."""
    page.goto(f"{url}/firmware/upload")
    page.set_input_files("input[name=file]", {"name": "cam.bin", "mimeType": "", "buffer": IMAGE})
    page.click("#upload button.button--primary")
    expect(page.locator("#upload .field__error")).to_contain_text("not signed")
    found = signed()
    manifest = signing.write_manifest_file(found.manifest, found.signature)
    page.set_input_files("input[name=manifest]", {"name": "m.json", "mimeType": "", "buffer": manifest})
    page.click("#upload button.button--primary")
    expect(page.locator("main")).to_contain_text("is stored")


def roll_out(page: Page) -> None:
    page.click("text=Roll out…")
    page.check("input[name=devices]")
    expect(page.locator("#outlook")).to_contain_text("It pauses by itself at 10 % failures")
    page.click("text=Start the rollout")
    expect(page.locator("html")).to_have_attribute("data-live", "live", timeout=10_000)
    expect(page.locator("#rollout")).to_contain_text("waiting")
    page.evaluate("() => { window.stayed = true }")


def report_version(url: str, key: str, version: str) -> None:
    headers = {"X-Firmware-Version": version}
    answer = httpx.post(f"{url}/api/upload/{key}", content=make_jpeg(), headers=headers, trust_env=False)
    assert answer.status_code == 200
