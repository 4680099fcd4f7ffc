"""The trash as people see it."""

import pytest

from devices.access.groups import DeviceGroup
from media_pipeline.captures.models import Capture
from media_pipeline.trash import emptying
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


def make_captures(count: int) -> list[Capture]:
    device = make_device("porch", name="Porch")
    return [make_capture(device, name=f"p{n}") for n in range(count)]


def ids_of(captures) -> dict:
    return {"capture": [str(c.pk) for c in captures], "next": "/history?q=p"}


def test_deleting_is_undone_from_the_message(client):
    captures = make_captures(2)
    client.force_login(make_user("bob", "operator"))
    page = client.post("/trash/add", ids_of(captures), follow=True)
    assert page.redirect_chain == [("/history?q=p", 302)]
    assert "2 pictures were moved to the trash." in page.content.decode()
    word = Capture.everything.first().trashed_at.isoformat()
    assert f'name="undo" value="{word}"' in page.content.decode()
    answer = client.post("/trash/undo", {"undo": word})
    assert (answer["Location"], Capture.objects.count()) == ("/trash", 2)


def test_a_script_is_answered_in_json(client):
    captures = make_captures(2)
    Capture.objects.filter(pk=captures[1].pk).update(kept=True)
    client.force_login(make_user("bob", "operator"))
    done = client.post("/trash/add", ids_of(captures), headers={"Accept": "application/json"}).json()
    assert (done["trashed"], done["kept"], done["refused"]) == (1, 1, 0)
    back = client.post("/trash/undo", {"undo": done["undo"]}, headers={"Accept": "application/json"})
    assert back.json() == {"restored": 1}


def test_a_viewer_deletes_nothing_and_sees_no_trash(client):
    captures = make_captures(1)
    client.force_login(make_user("vera", "viewer"))
    assert client.post("/trash/add", ids_of(captures)).status_code == 403
    assert client.get("/trash").status_code == 403
    assert Capture.objects.exists()


def test_the_page_lists_restores_and_deletes(client):
    captures = make_captures(2)
    client.force_login(make_user("alice", "owner"))
    client.post("/trash/add", ids_of(captures))
    page = client.get("/trash").content.decode()
    assert all(f"/trash/{c.pk}/thumb" in page for c in captures)
    assert "Deleted by alice" in page and "30 days" in page and "2 pictures" in page
    client.post("/trash/restore", ids_of(captures[:1]))
    client.post("/trash/delete", ids_of(captures))
    assert list(Capture.everything.all()) == captures[:1]
    assert "The trash is empty" in client.get("/trash").content.decode()


def test_only_owners_delete_for_good(client):
    captures = make_captures(1)
    client.force_login(make_user("bob", "operator"))
    client.post("/trash/add", ids_of(captures))
    page = client.get("/trash").content.decode()
    assert "Delete permanently" not in page and "/trash/empty" not in page
    codes = [client.post(f"/trash/{word}", ids_of(captures)).status_code for word in ("delete", "empty")]
    assert (codes, Capture.everything.count()) == ([403, 403], 1)


def test_an_owner_empties_it(client):
    client.force_login(make_user("alice", "owner"))
    client.post("/trash/add", ids_of(make_captures(1)))
    assert "The trash is being emptied." in client.post("/trash/empty", follow=True).content.decode()
    emptying.empty(emptying.due())
    assert not Capture.everything.exists()


def test_pictures_in_the_trash_are_served_to_those_who_may_restore_them(client):
    garden = DeviceGroup.objects.create(name="Garden")
    capture = make_capture(make_device("shed", group=garden))
    client.force_login(make_user("bob", "operator", garden))
    client.post("/trash/add", ids_of([capture]))
    paths = [f"/trash/{capture.pk}/{word}" for word in ("thumb", "original")]
    assert [client.get(path).status_code for path in paths] == [200, 200]
    client.force_login(make_user("vera", "viewer", garden))
    assert [client.get(path).status_code for path in paths] == [403, 403]
    client.force_login(make_user("mallory"))
    assert [client.get(path).status_code for path in paths] == [404, 404]


def test_it_is_said_that_the_trash_is_off(client, settings):
    settings.TRASH_DAYS, captures = 0, make_captures(1)
    client.force_login(make_user("alice", "owner"))
    page = client.post("/trash/add", ids_of(captures), follow=True).content.decode()
    assert "1 picture was deleted." in page and "Undo" not in page
    assert "turned off" in client.get("/trash").content.decode()


def test_a_wrong_cursor_begins_again(client):
    client.force_login(make_user("alice", "owner"))
    assert client.get("/trash?cursor=x")["Location"] == "/trash"
