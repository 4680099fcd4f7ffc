import time

import pytest

from devices.panels.fetching import links as panel_links
from devices.panels.fetching.links import PanelLink, make_link, read_link

SHA = "ab" * 32


def token(device_id: int = 7) -> str:
    return make_link(device_id, SHA, "bmp").rpartition("/")[2].partition(".")[0]


def test_an_address_leads_back_to_its_panel_and_picture(settings):
    settings.PHOTOHUB_URL = "https://hub.example.org"
    assert make_link(7, SHA, "bmp").startswith("https://hub.example.org/panel/i/")
    assert read_link(token()) == PanelLink(7, SHA)


def test_an_address_is_short_enough_for_small_firmware():
    assert len(f"/panel/i/{token()}.bmp") < 128


@pytest.mark.parametrize("at", [0, 9, 14, 40, 79])
def test_a_changed_address_leads_nowhere(at):
    good = token()
    other = "A" if good[at] != "A" else "B"
    assert read_link(good[:at] + other + good[at + 1 :]) is None


@pytest.mark.parametrize("text", ["", "x", "é" * 80, "A" * 80, "A" * 81])
def test_what_is_no_token_leads_nowhere(text):
    assert read_link(text) is None


def test_an_address_is_good_for_a_day(monkeypatch):
    old = token()
    now = time.time()
    monkeypatch.setattr(panel_links.time, "time", lambda: now + panel_links.VALID_S + 1)
    assert read_link(old) is None
