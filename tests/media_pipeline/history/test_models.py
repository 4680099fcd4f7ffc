"""Rows of saved filters."""

import pytest
from django.db import IntegrityError

from media_pipeline.history.models import SavedFilter
from tests.builders import make_user

pytestmark = pytest.mark.django_db


def test_a_name_is_taken_once_by_each_person():
    alice, bob = make_user("alice", "owner"), make_user("bob", "operator")
    for person in (alice, bob):
        SavedFilter.objects.create(user=person, name="Foxes", query="q=fox")
    with pytest.raises(IntegrityError):
        SavedFilter.objects.create(user=alice, name="Foxes", query="q=foxes")


def test_saved_filters_go_with_their_person():
    alice = make_user("alice", "owner")
    SavedFilter.objects.create(user=alice, name="Foxes", query="q=fox")
    alice.delete()
    assert not SavedFilter.objects.exists()
