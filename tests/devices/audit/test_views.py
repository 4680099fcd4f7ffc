from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from devices.audit.models import AuditEntry, Kind, Word
from tests.builders import PASSWORD, make_program, make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def alice(client):
    """An owner's browser."""
    client.force_login(make_user("alice", "owner"))
    return client


def write(person: str = "alice", word: Word = Word.CHANGED, hours: int = 0, **values) -> AuditEntry:
    facts = {
        "kind": Kind.DEVICE,
        "object_id": "porch",
        "object_name": "Porch",
        "address": "192.0.2.7",
    } | values
    return AuditEntry.objects.create(person_name=person, word=word, at=NOON - timedelta(hours=hours), **facts)


def names_on(answer) -> list[str]:
    return [row.object_name for row in answer.context["rows"]]


def test_an_empty_log_says_so(alice):
    assert "Nothing is written down yet" in alice.get("/audit").content.decode()


def test_the_log_is_narrowed_by_person_word_object_and_time(alice):
    write(object_name="A")
    write("bob", object_name="B", hours=1)
    write(word=Word.DELETED, object_name="C", hours=30)
    write(object_id="yard", object_name="D", hours=50)
    found = {
        query: "".join(names_on(alice.get(f"/audit?{query}")))
        for query in ("", "person=bob", "word=deleted", "object=yard", "from=2026-11-30", "to=2026-11-28")
    }
    assert list(found.values()) == ["ABCD", "B", "C", "D", "AB", "D"]


def test_a_wrong_day_is_said_and_nothing_is_shown(alice):
    write()
    answer = alice.get("/audit?from=yesterday")
    assert answer.status_code == 422 and "must be a date" in answer.content.decode()
    assert names_on(answer) == []
    assert alice.get("/audit.csv?from=yesterday").status_code == 422


def test_older_pages_keep_the_filters(alice):
    for n in range(60):
        write(object_name=str(n), hours=n)
    page = alice.get("/audit?person=alice")
    following = page.context["next"]
    assert "?person=alice&amp;cursor=" in page.content.decode()
    assert names_on(alice.get("/audit", {"person": "alice", "cursor": following})) == [
        str(n) for n in range(50, 60)
    ]
    assert alice.get("/audit?cursor=nonsense").status_code == 404


@pytest.mark.django_db(transaction=True)
async def test_the_table_for_programs_has_all_of_it_and_no_formula(async_client, monkeypatch):
    monkeypatch.setattr("devices.audit.views._READ_AT_ONCE", 2)
    await async_client.aforce_login(await sync_to_async(make_user)("alice", "owner"))
    for n in range(5):
        await sync_to_async(write)(object_name=f"=cmd|{n}", hours=n)
    answer = await async_client.get("/audit.csv?person=alice")
    lines = b"".join([part async for part in answer.streaming_content]).decode().splitlines()
    assert lines[0].startswith("\ufefftime,person,via,address")
    assert [line.split(",")[7] for line in lines[1:]] == [f"'=cmd|{n}" for n in range(5)]
    assert lines[1].startswith("2026-11-30T12:00:00+00:00,alice,,192.0.2.7,changed,device,porch")


def test_programs_read_the_log(alice):
    owner = make_program(make_user("olga", "owner"), "read", "manage")
    write(object_name="A")
    write(object_name="B", hours=30)
    items = owner.get("/api/v1/audit?from=2026-11-30").json()["items"]
    assert [(i["person"], i["word"], i["object_name"]) for i in items] == [("alice", "changed", "A")]
    assert owner.get("/api/v1/audit?from=nonsense").json()["err"] == "invalid"
    assert make_program(make_user("bob", "operator"), "read").get("/api/v1/audit").status_code == 403


def test_logging_in_and_out_is_written_down(client):
    make_user("alice", "owner")
    client.post("/login", {"username": "alice", "password": "wrong"})
    client.post("/login", {"username": "alice", "password": PASSWORD})
    client.post("/logout")
    assert list(AuditEntry.objects.order_by("pk").values_list("person_name", "word")) == [
        ("alice", "logged_in"),
        ("alice", "logged_out"),
    ]
