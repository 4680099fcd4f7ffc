"""Filters that people save."""

import pytest

from media_pipeline.history import saved
from media_pipeline.history.models import SavedFilter
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
ADD = "/history/filters"


@pytest.fixture
def vera(client):
    vera = make_user("vera", "viewer")
    client.force_login(vera)
    return vera


def add(client, name: str, query: str):
    return client.post(ADD, {"name": name, "query": query, "next": "/history?q=fox"}, follow=True)


def test_filters_are_saved_without_their_place(client, vera):
    page = add(client, "  Foxes ", "q=fox&at=2025-06-30&cursor=x&kept=&device=porch&device=barn")
    assert "Saved as “Foxes”." in page.content.decode() and page.redirect_chain[0][0] == "/history?q=fox"
    row = SavedFilter.objects.get()
    assert (row.user, row.name, row.query) == (vera, "Foxes", "device=porch&device=barn&q=fox")


def test_saved_filters_stand_on_the_page_of_their_person_alone(client, vera):
    make_capture(make_device("porch"))
    add(client, "Foxes", "q=fox")
    assert 'href="/history?q=fox">Foxes</a>' in client.get("/history").content.decode()
    client.force_login(make_user("bob", "operator"))
    assert "Foxes" not in client.get("/history").content.decode()


def test_a_name_that_is_taken_gets_the_new_filters(client, vera):
    add(client, "Foxes", "q=fox")
    add(client, "Foxes", "q=foxes")
    assert list(SavedFilter.objects.values_list("query", flat=True)) == ["q=foxes"]


@pytest.mark.parametrize(
    ("name", "query"), [("", "q=fox"), ("a", ""), ("a", "at=2025-06-30"), ("a", "from=soon")]
)
def test_what_has_no_name_or_no_filters_is_not_saved(client, vera, name, query):
    assert add(client, name, query).status_code == 200
    assert not SavedFilter.objects.exists()


def test_there_is_a_limit(client, vera, monkeypatch):
    monkeypatch.setattr(saved, "SAVED_AT_MOST", 1)
    add(client, "a", "q=a")
    assert "Delete one first" in add(client, "b", "q=b").content.decode()
    add(client, "a", "q=c")
    assert SavedFilter.objects.get().query == "q=c"


def test_saved_filters_are_renamed_and_deleted(client, vera):
    add(client, "a", "q=a")
    add(client, "b", "q=b")
    one = SavedFilter.objects.get(name="a")
    client.post(f"{ADD}/{one.pk}/rename", {"name": "b"})
    client.post(f"{ADD}/{one.pk}/rename", {"name": " "})
    assert SavedFilter.objects.get(pk=one.pk).name == "a"
    client.post(f"{ADD}/{one.pk}/rename", {"name": "c"})
    client.post(f"{ADD}/{SavedFilter.objects.get(name='b').pk}/delete")
    assert list(SavedFilter.objects.values_list("name", flat=True)) == ["c"]


def test_the_filters_of_others_do_not_exist(client, vera):
    other = SavedFilter.objects.create(user=make_user("bob", "operator"), name="a", query="q=a")
    assert client.post(f"{ADD}/{other.pk}/rename", {"name": "b"}).status_code == 404
    assert client.post(f"{ADD}/{other.pk}/delete").status_code == 404
    assert SavedFilter.objects.get().name == "a"


def test_what_is_on_is_named_and_can_be_taken_away(client, vera):
    make_capture(make_device("porch", name="Porch"))
    page = client.get("/history?device=porch&q=a&kept=yes&asked=no&from=2025-06-30")
    assert [(chip.words, chip.url) for chip in page.context["chips"]][:2] == [
        ("“a”", "/history?device=porch&kept=yes&asked=no&from=2025-06-30"),
        ("Porch", "/history?q=a&kept=yes&asked=no&from=2025-06-30"),
    ]
    assert page.context["options_on"] == 3


def test_the_hits_are_counted(client, vera):
    make_capture(make_device("porch"))
    assert client.get("/history").context["hits"] is None
    assert client.get("/history?q=porch").context["hits"] == (1, False)
    assert client.get("/history?q=zebra").context["hits"] == (0, False)
