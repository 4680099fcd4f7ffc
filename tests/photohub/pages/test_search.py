import pytest
from django.urls import reverse

from devices.access.groups import DeviceGroup
from media_pipeline.captures import labels
from tests.builders import make_capture, make_device, make_user

SEARCH = reverse("search")


@pytest.fixture
def house(db):
    return DeviceGroup.objects.create(name="House")


def hits(client, text: str, **query) -> dict[str, list[str]]:
    """Return what a person finds, by kind."""
    kinds = client.get(SEARCH, {"q": text} | query).context["kinds"]
    return {kind.label: [hit.label for hit in kind.hits] for kind in kinds}


def test_without_a_text_every_page_stands_in_its_room(db, client):
    client.force_login(make_user("alice", "owner"))
    found = hits(client, "")

    assert {"History", "Time-lapses", "Trash", "Shared links"} <= set(
        found["History"]
    ) and "Render profiles" in found["Panels"]
    assert {"People", "API", "Administration"} <= set(found["Status"])


def test_a_viewer_is_not_led_to_pages_that_refuse_him(db, client):
    client.force_login(make_user("vera", "viewer"))
    pages = [page for labels in hits(client, "").values() for page in labels]

    assert "People" not in pages and "Render profiles" not in pages and "Pictures sent" not in pages


def test_each_page_that_is_offered_opens(db, client):
    for name, role in (("vera", "viewer"), ("bob", "operator"), ("alice", "owner")):
        client.force_login(make_user(name, role))
        kinds = client.get(SEARCH).context["kinds"]
        opened = {hit.url: client.get(hit.url).status_code for kind in kinds for hit in kind.hits}
        assert set(opened.values()) == {200}, opened


def test_cameras_panels_groups_and_tags_are_found(client, house):
    client.force_login(make_user("vera", "viewer"))
    make_device("hall-cam", name="Hall camera", group=house)
    make_device("hall", profile="panel", name="Hall panel")
    labels.save_labels(make_capture(make_device("yard", name="Yard")), "", "hallway")

    found = hits(client, "hal")
    assert (found["Cameras"], found["Panels"], found["Tags"]) == (
        ["Hall camera"],
        ["Hall panel"],
        ["hallway"],
    )
    assert hits(client, "hous")["Groups"] == ["House"]


def test_nothing_of_another_group_is_found(client, house):
    shed = make_device("shed", name="Shed", group=DeviceGroup.objects.create(name="Shed group"))
    make_device("hall", profile="panel", name="Shed panel")
    labels.save_labels(make_capture(shed), "", "shedding")
    client.force_login(make_user("vera", "viewer", house))

    assert list(hits(client, "shed")) == ["Pictures"]


def test_a_page_is_found_in_the_readers_language_and_in_english(db, client):
    client.force_login(make_user("alice", "owner"))
    client.cookies["django_language"] = "zh-hans"

    assert hits(client, "films").popitem()  # The pictures are always offered.
    kinds = client.get(SEARCH, {"q": "time-lapses"}).context["kinds"]
    assert kinds[0].hits[0].url == reverse("time_lapses")


def test_the_palette_gets_options_and_no_page(db, client):
    client.force_login(make_user("alice", "owner"))
    text = client.get(SEARCH, {"q": "wall", "part": "1"}).content.decode()

    assert 'role="option"' in text and reverse("wall") in text and "<html" not in text


def test_more_than_fit_lead_to_the_list(db, client):
    client.force_login(make_user("alice", "owner"))
    for number in range(7):
        make_device(f"yard-{number}", name=f"Yard {number}")
    kind = client.get(SEARCH, {"q": "yard", "part": "1"}).context["kinds"][0]

    assert len(kind.hits) == 5 and kind.more_url == f"{reverse('devices:list')}?q=yard"


def test_what_was_typed_is_text(db, client):
    client.force_login(make_user("alice", "owner"))

    assert "<b>x" not in client.get(SEARCH, {"q": "<b>x\0"}).content.decode()
