"""Looking at pictures one after the other, in a real browser, by keys and by touch."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.new_user import OWNER, PASSWORD, owner_in
from tests.builders import make_jpeg
from tests.hub_process import running_hub

PICTURES = 70
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PICTURE = (
    "document.querySelector('.pswp__item[aria-hidden=false] img.pswp__img:not(.pswp__img--placeholder)')"
)
SHOWN = ".pswp__item[aria-hidden=false] img.pswp__img:not(.pswp__img--placeholder)"


@pytest.fixture(scope="module")
def hub():
    """A hub whose camera sent more pictures than one page of the history holds."""
    env = {"DJANGO_SUPERUSER_USERNAME": OWNER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with running_hub(env=env | {"PHOTOHUB_RATE_LIMIT": "off"}) as hub:
        key = hub.add_device("door", "esp32s3")["key"]
        with httpx.Client(trust_env=False) as camera:
            for number in range(PICTURES):
                camera.post(f"{hub.url}/api/upload/{key}", content=make_jpeg(320, 240, text=f"{number}"))
        yield hub


@pytest.fixture
def open_page(browser, hub):
    """Return a function that opens a page of the owner's; the console must stay empty."""
    opened, complaints = [], []

    def open_page(path: str, **options) -> Page:
        opened.append(owner_in(browser, hub, **options))
        page = opened[-1].new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(hub.url + path)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert [c for c in complaints if "closed before the connection" not in c] == []


def expect_place(page: Page, place: int) -> None:
    expect(page.locator("[data-lightbox-place]")).to_have_text(f"{place} of {PICTURES}")


def open_picture(page: Page, number: int) -> str:
    """Open the picture that has this place in the list. Returns its address."""
    tile = page.locator("a[data-lightbox]").nth(number - 1)
    tile.click()
    expect_place(page, number)
    return tile.get_attribute("href")


def test_arrows_go_on_where_the_page_ends_and_going_back_closes(open_page):
    page = open_page("/history?fold=no", **DESK)
    address = open_picture(page, 60)
    for place in (61, 62):
        page.keyboard.press("ArrowRight")
        expect_place(page, place)
    page.keyboard.press("End")
    expect_place(page, PICTURES)
    page.keyboard.press("Home")
    expect_place(page, 1)
    page.keyboard.press("ArrowRight")
    expect_place(page, 2)
    assert page.url.split("/captures/")[1] != address.split("/")[-1]
    expect(page.get_by_role("dialog")).to_have_attribute(
        "aria-label", page.locator(SHOWN).get_attribute("alt")
    )
    page.go_back()
    expect(page.locator(".pswp")).to_have_count(0)
    assert "/history?fold=no" in page.url
    # The focus is where the person was in the list.
    assert page.evaluate("document.activeElement.matches('a[data-lightbox]')")


PRESS_WHILE_IT_OPENS = """keys => new MutationObserver((_, observer) => {
  if (!document.querySelector('.pswp')) return;
  observer.disconnect();
  for (const key of keys) document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
}).observe(document.body, { childList: true })"""


def test_keys_that_are_pressed_while_it_opens_are_obeyed(open_page):
    page = open_page("/history?fold=no", **DESK)
    page.evaluate(PRESS_WHILE_IT_OPENS, ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"])
    page.locator("a[data-lightbox]").nth(9).click()
    expect_place(page, 12)
    page.keyboard.press("Escape")
    expect(page.locator(".pswp")).to_have_count(0)
    assert "/history?fold=no" in page.url
    page.evaluate(PRESS_WHILE_IT_OPENS, ["Escape"])
    page.locator("a[data-lightbox]").nth(9).click()
    expect(page.locator(".pswp")).to_have_count(1)
    expect(page.locator(".pswp")).to_have_count(0)
    assert "/history?fold=no" in page.url


def test_an_arrow_waits_for_the_neighbours(open_page):
    page = open_page("/history?fold=no", **DESK)
    held = []
    page.route("**/captures/around?*", lambda route: held.append(route))
    page.locator("a[data-lightbox]").nth(3).click()
    expect(page.locator(SHOWN)).to_be_visible()
    page.keyboard.press("ArrowRight")
    for route in held:
        route.continue_()
    expect_place(page, 5)


def test_a_small_picture_fills_the_screen_beside_the_panel_too(open_page):
    page = open_page("/history?fold=no", **DESK)
    open_picture(page, 5)
    expect(page.locator(SHOWN)).to_be_visible()
    assert page.locator(SHOWN).bounding_box()["height"] > 700
    page.keyboard.press("i")
    expect(page.locator(".info")).to_contain_text("320 × 240")
    box = page.locator(SHOWN).bounding_box()
    assert box["x"] + box["width"] <= 1280 - 380 and box["width"] > 800


def test_keys_keep_and_label_a_picture_and_each_can_be_undone(open_page):
    page = open_page("/history?fold=no", **DESK)
    address = open_picture(page, 3)
    page.keyboard.press("k")
    expect(page.locator("[data-do=keep]")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-do=keep]")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("n")
    note = page.locator(".info textarea")
    expect(note).to_be_focused()
    page.keyboard.type("king penguin")
    page.locator(".info").get_by_role("button", name="Save").click()
    expect(page.locator("[data-lightbox-toasts]")).to_contain_text("Saved.")
    expect(note).to_have_value("king penguin")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.goto(page.evaluate("location.origin") + address)
    expect(page.locator("#note")).to_have_value("king penguin")


def test_the_question_mark_lists_the_keys_and_escape_goes_back_to_the_picture(open_page):
    page = open_page("/history?fold=no", **DESK)
    open_picture(page, 4)
    page.keyboard.press("?")
    expect(page.locator("[data-lightbox-keys]")).to_contain_text("Newest, oldest")
    page.keyboard.press("Escape")
    expect(page.locator("[data-lightbox-keys]")).not_to_be_visible()
    expect_place(page, 4)


def test_two_pictures_are_compared_with_a_slider_that_obeys_keys(open_page):
    page = open_page("/history?fold=no", **DESK)
    open_picture(page, 4)
    page.keyboard.press("c")
    slider = page.locator(".compare-over input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("[data-compare]")).to_have_css("--split", "0")
    page.keyboard.press("Escape")
    expect(page.locator(".compare-over")).to_have_count(0)
    expect_place(page, 4)


def test_a_deleted_picture_gives_its_place_to_the_next_and_comes_back(open_page):
    page = open_page("/history?fold=no", **DESK)
    address = open_picture(page, 6)
    # What is still being loaded when it goes is rightly missed on the console.
    expect(page.locator(SHOWN)).to_have_js_property("complete", True)
    page.keyboard.press("Delete")
    expect(page.locator("[data-lightbox-place]")).to_have_text(f"6 of {PICTURES - 1}")
    assert not page.url.endswith(address)
    page.get_by_role("button", name="Undo").click()
    expect_place(page, 6)
    assert page.url.endswith(address)


def test_a_link_for_somebody_else_is_made_with_one_key_and_undone(open_page):
    page = open_page("/history?fold=no", **DESK)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_picture(page, 7)
    page.keyboard.press("s")
    expect(page.locator("[data-lightbox-toasts]")).to_contain_text("The link is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert httpx.get(link, trust_env=False).status_code == 200
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-lightbox-toasts]")).to_contain_text("no longer works")
    assert httpx.get(link, trust_env=False).status_code == 410


def swipe(page: Page, start_x: int, end_x: int) -> None:
    touch = page.context.new_cdp_session(page)
    places = [start_x + (end_x - start_x) * step // 6 for step in range(7)]
    for kind, x in [("touchStart", places[0]), *(("touchMove", x) for x in places[1:])]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": 400}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_on_a_phone_a_swipe_goes_on_and_nothing_covers_the_picture(open_page):
    page = open_page("/history?fold=no", **PHONE)
    open_picture(page, 2)
    # Until its neighbours stand beside it, the picture is still being opened.
    expect(page.locator(".pswp__item[aria-hidden=true] img").first).to_be_attached()
    expect(page.locator(".pswp__item[aria-hidden=true] img").last).to_be_visible()
    swipe(page, 330, 40)
    expect_place(page, 3)
    picture = page.locator(SHOWN).bounding_box()
    for part in (".lightbox__top", ".lightbox__bar"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= picture["y"] or box["y"] >= picture["y"] + picture["height"]
    buttons = page.locator(".lightbox__button:visible")
    assert all(box["width"] >= 40 and box["x"] >= 0 for box in [b.bounding_box() for b in buttons.all()])
    page.locator("[data-do=info]").click()
    expect(page.locator(".info")).to_contain_text("How it came here")


def pinch(page: Page, middle: tuple[int, int], apart: range) -> None:
    """Move two fingers apart or together, to the left and right of a place of the window."""
    touch, (x, y) = page.context.new_cdp_session(page), middle
    for number, off in enumerate(apart):
        points = [{"x": x - off, "y": y, "id": 0}, {"x": x + off, "y": y, "id": 1}]
        kind = "touchMove" if number else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def width_of_picture(page: Page) -> float:
    return page.locator(SHOWN).bounding_box()["width"]


def test_two_fingers_zoom_the_picture_and_not_the_page(open_page):
    page = open_page("/history?fold=no", **PHONE)
    address = open_picture(page, 2)
    expect(page.locator(".pswp__item[aria-hidden=true] img").last).to_be_visible()
    fitting = width_of_picture(page)
    pinch(page, (195, 400), range(30, 130, 10))
    page.wait_for_function(f"() => {PICTURE}.getBoundingClientRect().width > {fitting * 2}")
    assert page.evaluate("() => visualViewport.scale") == 1
    # While it is large, a finger moves it, and does not go on to the next.
    swipe(page, 330, 200)
    expect_place(page, 2)
    pinch(page, (195, 400), range(150, 20, -10))
    page.wait_for_function(f"() => Math.abs({PICTURE}.getBoundingClientRect().width - {fitting}) < 1")
    assert page.url.endswith(address)


def test_pictures_to_choose_from_and_a_cameras_newest_open_here_too(open_page, hub):
    hub.add_device("hall", "panel")
    page = open_page("/devices/hall/show/", **DESK)
    # The newest stands for those that are like it.
    pick = page.locator(".pick").first
    pick.hover()
    # Until the lightbox is here, a click leads to the picture's page.
    page.wait_for_load_state("networkidle")
    pick.locator(".pick__look").click()
    expect_place(page, 1)
    # Until its neighbour stands beside it, the picture is still being opened.
    expect(page.locator(".pswp__item[aria-hidden=true] img").last).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect_place(page, 2)
    page.keyboard.press("Escape")
    expect(page.locator(".pswp")).to_have_count(0)
    # To look chooses nothing.
    expect(pick.locator("input")).not_to_be_checked()
    page.goto(f"{hub.url}/devices/door/", wait_until="networkidle")
    page.locator("a.picture").click()
    expect_place(page, 1)
