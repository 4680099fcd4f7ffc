from uuid import uuid4

import pytest
from django.urls import NoReverseMatch, get_script_prefix, reverse, set_script_prefix

from photohub.lib.pages.templating.addresses import address


@pytest.mark.parametrize(
    ("view", "key"), [("capture_thumb", uuid4()), ("devices:detail", "porch-2"), ("latest", "a")]
)
def test_an_address_is_what_django_makes(view: str, key) -> None:
    assert address(view, key) == reverse(view, args=[key])


def test_it_follows_the_prefix_under_which_the_hub_is_reached() -> None:
    before, prefix = address("latest", "a"), get_script_prefix()
    set_script_prefix("/hub/")
    try:
        assert address("latest", "a") == f"/hub{before}"
    finally:
        set_script_prefix(prefix)


def test_a_view_that_is_not_there_has_none() -> None:
    with pytest.raises(NoReverseMatch):
        address("no such view", "a")
