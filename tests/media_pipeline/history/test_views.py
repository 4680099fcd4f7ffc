"""All pictures by day, and what is done with several at once."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.access.groups import DeviceGroup
from media_pipeline.captures.models import Capture, Tag
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


def make_captures(count: int, device=None, start=NOON) -> list[Capture]:
    device = device or make_device("porch", name="Porch")
    return [make_capture(device, name=f"p{i}", received_at=start - timedelta(hours=i)) for i in range(count)]


def test_pictures_stand_under_their_day(client):
    first, *_rest, last = make_captures(14)
    client.force_login(make_user("alice", "owner"))
    page = client.get("/history").content.decode()
    assert page.index("day-2025-06-30") < page.index(f"/captures/{first.pk}/thumb")
    assert page.index("day-2025-06-29") < page.index(f"/captures/{last.pk}/thumb")
    words = " ".join(page.split())
    assert "13 pictures </span>" in words and "1 picture </span>" in words


def test_days_are_those_of_the_visitors_zone(client):
    make_captures(1, start=datetime(2025, 6, 30, 20, tzinfo=UTC))
    client.force_login(make_user("alice", "owner"))
    client.cookies["photohub_tz"] = "Asia/Shanghai"
    assert "day-2025-07-01" in client.get("/history").content.decode()


def test_more_is_a_link_and_htmx_gets_only_the_next_days(client, monkeypatch):
    monkeypatch.setattr("media_pipeline.history.views.PAGE_SIZE", 2)
    captures = make_captures(3)
    client.force_login(make_user("alice", "owner"))
    more_url = client.get("/history?q=p").context["more_url"]
    whole, part = client.get(more_url), client.get(more_url, headers={"HX-Request": "true"})
    assert "<html" in whole.content.decode() and "<html" not in part.content.decode()
    assert all(str(captures[2].pk) in answer.content.decode() for answer in (whole, part))
    assert "HX-Request" in whole["Vary"] and "q=p" in more_url


def test_a_wrong_date_is_told_on_the_page(client):
    make_captures(1)
    client.force_login(make_user("alice", "owner"))
    answer = client.get("/history?from=soon")
    assert answer.status_code == 400
    assert "must be a date like 2025-06-30" in answer.content.decode()
    assert client.get("/history?cursor=x").status_code == 400


def test_empty_and_nothing_found_are_two_pages(client):
    client.force_login(make_user("alice", "owner"))
    assert "three steps away" in client.get("/history").content.decode()
    make_captures(1)
    assert "No matching pictures" in client.get("/history?q=zebra").content.decode()


def test_the_scrubber_leads_to_the_end_of_each_month(client):
    porch = make_device("porch")
    for days in (0, 150):
        make_capture(porch, name=f"p{days}", received_at=NOON - timedelta(days=days))
    client.force_login(make_user("alice", "owner"))
    months = client.get("/history?q=p").context["months"]
    assert [url for _month, url, _now in months] == [
        "/history?q=p&at=2025-06-30",
        "/history?q=p&at=2025-01-31",
    ]


def test_a_viewer_sees_the_own_group_and_no_tools(client):
    garden = DeviceGroup.objects.create(name="Garden")
    make_captures(1)
    (barn,) = make_captures(1, make_device("barn", group=garden))
    client.force_login(make_user("vera", "viewer", garden))
    page = client.get("/history").content.decode()
    assert page.count("/thumb") == 1 and str(barn.pk) in page
    assert 'action="/trash/add"' not in page and 'value="keep"' not in page and 'value="download"' in page


def change(client, captures, action: str, **values):
    data = {"capture": [str(c.pk) for c in captures], "action": action, "next": "/history?q=p", **values}
    return client.post("/history/change", data)


def test_several_are_kept_tagged_and_let_go(client):
    captures = make_captures(2)
    client.force_login(make_user("bob", "operator"))
    assert change(client, captures, "keep")["Location"] == "/history?q=p"
    assert Capture.objects.filter(kept=True).count() == 2
    change(client, captures[:1], "unkeep")
    change(client, captures, "tag", tag="fox")
    assert Capture.objects.filter(kept=True).count() == 1
    assert Tag.objects.get(name="fox").captures.count() == 2


def test_a_viewer_changes_nothing_and_a_stranger_touches_nothing(client):
    captures = make_captures(1)
    client.force_login(make_user("vera", "viewer"))
    assert [change(client, captures, a).status_code for a in ("keep", "tag")] == [403, 403]
    client.force_login(make_user("mallory"))
    assert change(client, captures, "keep").status_code == 302
    assert not Capture.objects.filter(kept=True).exists()


def test_the_way_back_leads_to_no_other_host(client):
    captures = make_captures(1)
    client.force_login(make_user("alice", "owner"))
    assert change(client, captures, "keep", next="https://evil.example/")["Location"] == "/history"
    assert change(client, captures, "keep", next="//evil.example/")["Location"] == "/history"


def test_nothing_or_nonsense_selected_is_told(client):
    client.force_login(make_user("alice", "owner"))
    answer = client.post("/history/change", {"action": "keep", "capture": ["x"]}, follow=True)
    assert "No picture was selected." in answer.content.decode()


def test_changes_are_posted(client):
    client.force_login(make_user("alice", "owner"))
    assert client.get("/history/change").status_code == 405


def test_invented_pictures_are_said_to_be_so(client):
    make_captures(1)
    make_captures(1, make_device("demo-1", simulated=True))
    client.force_login(make_user("alice", "owner"))
    said = "Pictures from simulated cameras are invented."
    assert said in client.get("/history").content.decode()
    assert said in client.get("/history?device=demo-1").content.decode()
    assert said not in client.get("/history?device=porch").content.decode()
