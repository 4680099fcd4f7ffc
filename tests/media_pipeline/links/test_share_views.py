"""Making links, and the list of those that were made."""

import pytest

from devices.access.groups import DeviceGroup
from media_pipeline.links import sharing
from media_pipeline.links.models import ShareKind, ShareLink
from media_pipeline.links.sharing import Wish
from media_pipeline.trash import moving
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
NEW = "/shared-links/new"


def log_in(client, name: str, role: str = "", group=None):
    user = make_user(name, role, group)
    client.force_login(user)
    return user


def test_a_picture_is_shared_for_a_day(client):
    capture, bob = make_capture(make_device("porch")), log_in(client, "bob", "operator")
    form = client.get(f"{NEW}?capture={capture.pk}").content.decode()
    assert 'value="1d" selected' in form and f'value="{capture.pk}"' in form
    done = client.post(NEW, {"capture": capture.pk, "for": "1d"})
    link = ShareLink.objects.get()
    assert done["Location"] == f"/shared-links/{link.code}"
    assert (link.kind, link.created_by, link.password) == (ShareKind.PICTURE, bob, "")
    assert 86_000 < (link.expires_at - link.created_at).total_seconds() <= 86_400
    page = client.get(done["Location"]).content.decode()
    assert f"/s/{link.code}" in page and "data-send" in page and "opened 0 times" in page


def test_a_selection_asks_first_and_leaves_out_what_is_not_ones_own(client):
    garden = DeviceGroup.objects.create(name="Garden")
    mine, other = make_device("shed", group=garden), make_device("porch")
    ids = [make_capture(mine, name=n).pk for n in ("a", "b")] + [make_capture(other).pk]
    vera = log_in(client, "bob", "operator", garden)
    vera.memberships.create(role="viewer")
    form = client.post(NEW, {"capture": ids}).content.decode()
    assert "1 of the chosen pictures is left out" in form and not ShareLink.objects.exists()
    client.post(NEW, {"capture": ids, "for": "never", "password": "heron"})
    link = ShareLink.objects.get()
    assert (link.kind, link.captures.count(), link.expires_at) == (ShareKind.SELECTION, 2, None)
    assert link.password.startswith(("argon2", "md5", "pbkdf2"))


def test_from_a_picture_to_its_day_and_its_live_view(client):
    capture = make_capture(make_device("porch"))
    log_in(client, "bob", "operator")
    client.cookies["photohub_tz"] = "Europe/Berlin"
    for what in ("day", "live"):
        client.post(NEW, {"capture": capture.pk, "what": what, "for": "1h"})
    live, day = ShareLink.objects.order_by("-created_at")
    assert (live.kind, day.kind, day.device) == (ShareKind.LIVE, ShareKind.DAY, capture.device)
    assert day.since <= capture.received_at < day.before and (day.before - day.since).days == 1


def test_a_day_is_named_by_its_date(client):
    make_capture(make_device("porch"))
    log_in(client, "bob", "operator")
    assert "Nov" in client.get(f"{NEW}?device=porch&day=2026-11-29").content.decode()
    client.post(NEW, {"device": "porch", "day": "2026-11-29", "for": "7d"})
    assert f"{ShareLink.objects.get().since:%Y-%m-%d %H:%M}" == "2026-11-29 00:00"
    client.post(NEW, {"device": "porch", "live": "1", "for": "7d"})
    assert ShareLink.objects.first().kind == ShareKind.LIVE


@pytest.mark.parametrize("day", ["2026-13-45", "soon", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_none_shares_nothing(client, day):
    make_device("porch")
    log_in(client, "bob", "operator")
    client.cookies["photohub_tz"] = "Asia/Shanghai"
    assert client.get(f"{NEW}?device=porch&day={day}").status_code == 404
    assert client.post(NEW, {"device": "porch", "day": day, "for": "7d"}).status_code == 404
    assert not ShareLink.objects.exists()


def test_a_script_is_answered_in_json(client):
    capture = make_capture(make_device("porch"))
    log_in(client, "bob", "operator")
    answer = client.post(NEW, {"capture": capture.pk, "for": "1d"}, headers={"Accept": "application/json"})
    link = ShareLink.objects.get()
    assert (answer.status_code, answer.json()["page"]) == (201, f"/shared-links/{link.code}")
    assert answer.json()["url"].endswith(f"/s/{link.code}")


def test_who_may_not_share(client):
    capture = make_capture(make_device("porch"))
    log_in(client, "vera", "viewer")
    assert client.post(NEW, {"capture": capture.pk, "for": "1d"}).status_code == 403
    log_in(client, "bob", "operator", DeviceGroup.objects.create(name="Garden"))
    assert client.post(NEW, {"capture": capture.pk, "for": "1d"}).status_code == 404
    assert client.post(NEW, {"device": "porch", "for": "1d"}).status_code == 404
    assert client.post(NEW, {"for": "1d"})["Location"] == "/history"
    assert not ShareLink.objects.exists()


def test_a_wrong_password_is_told_in_the_form(client):
    make_device("porch")
    log_in(client, "bob", "operator")
    answer = client.post(NEW, {"device": "porch", "for": "1d", "password": "x" * 201})
    assert (answer.status_code, "at most 200 characters" in answer.content.decode()) == (422, True)


def test_the_list_has_ones_own_and_all_on_request(client):
    device, bob = make_device("porch", name="Porch"), log_in(client, "bob", "operator")
    assert "Nothing is shared" in client.get("/shared-links").content.decode()
    mine = sharing.share(Wish(device=device), bob, None)
    hers = sharing.share(Wish((make_capture(device),)), make_user("rita", "operator"), None)
    page, both = (client.get(f"/shared-links{q}").content.decode() for q in ("", "?all=1"))
    assert mine.code in page and hers.code not in page
    assert mine.code in both and hers.code in both and "Live view of Porch" in page
    client.post(f"/shared-links/{hers.code}/revoke")
    assert "withdrawn" in client.get(f"/shared-links/{hers.code}").content.decode()
    assert client.get("/shared-links?cursor=x")["Location"] == "/shared-links"


def test_the_list_costs_the_same_however_many_links_there_are(client, django_assert_max_num_queries):
    bob = log_in(client, "bob", "operator")
    device = make_device("porch")
    pictures = tuple(make_capture(device, name=name) for name in "ab")
    for _ in range(12):
        sharing.share(Wish(pictures), bob, None)
    with django_assert_max_num_queries(10):
        lines = client.get("/shared-links").context["links"]
    assert [line["pictures_count"] for line in lines] == [2] * 12
    moving.move_to_trash(bob, pictures[:1])
    assert client.get("/shared-links").context["links"][0]["pictures_count"] == 1


def test_an_owner_sees_and_withdraws_the_link_of_a_removed_account(client):
    bob, pictures = (
        make_user("bob", "operator"),
        [make_capture(make_device(name)) for name in ("barn", "porch")],
    )
    link = sharing.share(Wish(tuple(pictures)), bob, None)
    bob.delete()
    log_in(client, "alice", "owner")
    page = client.get("/shared-links?all=1").content.decode()
    assert f"/shared-links/{link.code}" in page and "account was removed" in page
    client.post(f"/shared-links/{link.code}/revoke")
    assert ShareLink.objects.get().revoked_at is not None


def test_a_viewer_withdraws_nothing(client):
    link = sharing.share(Wish(device=make_device("porch")), None, None)
    log_in(client, "vera", "viewer")
    paths = [f"/shared-links/{link.code}", f"/shared-links/{link.code}/revoke"]
    assert [client.get(paths[0]).status_code, client.post(paths[1]).status_code] == [403, 403]
    log_in(client, "mallory")
    assert [client.get(paths[0]).status_code, client.post(paths[1]).status_code] == [404, 404]
