from datetime import timedelta

import pytest
from django.utils import timezone, translation

from devices.audit import record
from devices.audit.asking import by_command
from devices.audit.models import AuditEntry, Kind, Word
from devices.keys import tokens
from devices.registry.changes import change_device
from tests.builders import make_device, make_program, make_user

pytestmark = pytest.mark.django_db


def test_what_nobody_asked_for_is_not_written():
    change_device(make_device("porch"), {"name": "Front"}, make_user("alice", "owner"))
    assert not AuditEntry.objects.exists()


def test_a_command_of_the_shell_is_written_without_a_person():
    with by_command("api_token"):
        tokens.new_token(make_user("alice"), "backup", ["read"])
    entry = AuditEntry.objects.get()
    assert (entry.person, entry.person_name, entry.via) == (
        None,
        "manage.py api_token",
        "manage.py api_token",
    )
    assert (entry.word, entry.kind, entry.object_name) == ("added", "token", "backup")


def test_a_program_is_named_beside_its_person(client):
    make_device("porch")
    program = make_program(make_user("alice", "owner"), "manage")
    program.patch("/api/v1/devices/porch", '{"name": "Front"}', "application/json")
    entry = AuditEntry.objects.get()
    assert (entry.person_name, entry.via, entry.address) == (
        "alice",
        tokens.ApiToken.objects.get().name,
        "127.0.0.1",
    )
    with translation.override("zh-hans"):
        assert "名称" in entry.text


def test_an_entry_outlives_its_person():
    alice = make_user("alice", "owner")
    entry = AuditEntry.objects.create(person=alice, person_name="alice", word=Word.ADDED, kind=Kind.DEVICE)
    alice.delete()
    entry.refresh_from_db()
    assert (entry.person, entry.person_name) == (None, "alice")


@pytest.mark.parametrize(("days", "left"), [(0, 3), (30, 1), (365, 2)])
def test_old_entries_go_by_the_setting(settings, days, left):
    settings.AUDIT_DAYS = days
    for age in (1, 40, 400):
        at = timezone.now() - timedelta(days=age)
        AuditEntry.objects.create(at=at, person_name="alice", word=Word.ADDED, kind=Kind.DEVICE)
    record.prune()
    assert AuditEntry.objects.count() == left
