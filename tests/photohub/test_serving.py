"""What a web server does before it serves."""

import gc

from django.urls import clear_url_caches, get_resolver

from photohub import serving


def test_a_full_collection_passes_over_what_was_loaded_before_serving():
    clear_url_caches()
    try:
        serving.settle()
        assert gc.get_freeze_count() > 50_000
        assert "url_patterns" in vars(get_resolver())
    finally:
        gc.unfreeze()
