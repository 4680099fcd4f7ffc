"""What a web server does before it serves."""

import gc

from django.urls import clear_url_caches, get_resolver

from devices.firmware.endpoints import download
from photohub.lib.http import guard as http_guard
from photohub.start import serving


def test_a_full_collection_passes_over_what_was_loaded_before_serving():
    clear_url_caches()
    try:
        serving.settle()
        assert gc.get_freeze_count() > 50_000
        assert "url_patterns" in vars(get_resolver())
    finally:
        gc.unfreeze()


def test_a_web_server_turns_away_who_comes_for_firmware_while_all_places_are_taken(monkeypatch):
    monkeypatch.setattr(http_guard, "_turn_away", None)
    monkeypatch.setattr(http_guard, "_waiting_at_most", 400)
    serving.make_room()
    assert http_guard._turn_away == download.turn_away
