from uuid import uuid4

import pytest
from django.urls import NoReverseMatch, reverse

from photohub.lib.pages.templating.addresses import address


@pytest.mark.parametrize(
    ("view", "key"), [("capture_thumb", uuid4()), ("devices:detail", "porch-2"), ("latest", "a")]
)
def test_an_address_is_what_django_makes(view: str, key) -> None:
    assert address(view, key) == reverse(view, args=[key])


def test_a_view_that_is_not_there_has_none() -> None:
    with pytest.raises(NoReverseMatch):
        address("no such view", "a")
