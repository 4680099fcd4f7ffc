"""Finding a device for somebody."""

import pytest
from django.http import Http404

from devices.registry.finding import get_device
from tests.builders import make_device, make_user

pytestmark = pytest.mark.django_db


def test_a_word_that_can_be_no_code_is_unknown_without_a_look(django_assert_num_queries):
    make_device("porch")
    person = make_user("alice", "owner")
    with django_assert_num_queries(0), pytest.raises(Http404):
        get_device(person, "porch\0")
    assert get_device(person, "porch").code == "porch"
