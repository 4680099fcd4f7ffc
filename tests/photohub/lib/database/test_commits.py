import asyncio
import sqlite3

import pytest
from django.db import connection

from devices.events.models import ServiceBeat
from photohub.lib.database import commits
from photohub.lib.database.commits import Looks
from photohub.lib.database.db import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def looks() -> Looks:
    made = Looks()
    made.look(lambda: None)
    return made


def write(name: str = "part") -> None:
    ServiceBeat.objects.create(name=name)


def test_nothing_is_due_while_nobody_commits(looks):
    ServiceBeat.objects.filter(name="nobody").update(ok=False)
    assert list(ServiceBeat.objects.all()) == [] and not looks.is_due()


def test_a_commit_makes_a_look_due_once(looks):
    write()
    assert looks.is_due()
    looks.look(lambda: None)
    assert not looks.is_due()


def test_a_commit_of_another_process_counts(looks):
    with sqlite3.connect(connection.settings_dict["NAME"]) as other:
        other.execute("UPDATE devices_servicebeat SET ok = 0")
        other.execute("INSERT INTO django_session VALUES ('a', 'b', '2030-01-01')")
    assert looks.is_due()


def test_what_is_committed_during_a_look_is_due_after_it(looks):
    looks.look(write)
    assert looks.is_due()


def test_rows_that_wait_for_a_time_keep_the_pace():
    waiting = [True]
    looks = Looks(lambda: waiting[0])
    looks.look(lambda: None)
    assert looks.is_due()
    waiting[0] = False
    looks.look(lambda: None)
    assert not looks.is_due()


def test_a_look_that_fails_is_due_again(looks):
    with pytest.raises(ZeroDivisionError):
        looks.look(lambda: 1 / 0)
    assert looks.is_due()


def test_what_no_commit_announced_is_looked_for_once_a_minute(looks, monkeypatch):
    monkeypatch.setattr(commits, "LOOK_AT_LEAST_EVERY_S", 0.0)
    assert looks.is_due()


@pytest.mark.parametrize("vendor", ["postgresql"])
def test_a_database_that_counts_no_commits_is_always_looked_at(looks, monkeypatch, vendor):
    monkeypatch.setattr(connection, "vendor", vendor)
    looks.look(lambda: None)
    assert looks.is_due()


def test_a_database_that_is_away_is_looked_at(looks, monkeypatch, tmp_path):
    monkeypatch.setitem(connection.settings_dict, "NAME", tmp_path / "gone" / "hub.sqlite3")
    assert looks.is_due()


async def test_a_loop_waits_over_its_pace_until_a_commit(looks):
    waiting = asyncio.create_task(looks.wait(asyncio.Event(), 0.005))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await in_thread(write)
    async with asyncio.timeout(5):
        await waiting


async def test_a_loop_that_is_woken_asks_no_database(looks):
    wake = asyncio.Event()
    waiting = asyncio.create_task(looks.wait(wake, 30))
    await asyncio.sleep(0)
    wake.set()
    async with asyncio.timeout(5):
        await waiting
