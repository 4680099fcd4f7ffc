"""Waiting for commands to end."""

import asyncio

import pytest
from asgiref.sync import sync_to_async

from devices.commands import queue as commands
from devices.commands.models import Command
from photohub.lib.database import waiting
from tests.builders import make_device

pytestmark = pytest.mark.django_db(transaction=True)


def _command(name: str = "") -> Command:
    device = Command.objects.first().device if Command.objects.exists() else make_device(profile="esp32s3")
    return commands.capture(device, name=name)


async def test_an_open_command_is_waited_for_until_the_time_is_over():
    command = await sync_to_async(_command)()
    assert await waiting.wait_for_end(command.pk, 0.3, Command) is False


async def test_an_ended_or_deleted_command_ends_the_wait():
    first, second = [await sync_to_async(_command)() for _ in range(2)]
    waits = [asyncio.create_task(waiting.wait_for_end(c.pk, 20, Command)) for c in (first, second)]
    await sync_to_async(commands.cancel)(first)
    await sync_to_async(second.delete)()
    assert await asyncio.gather(*waits) == [True, True]


async def test_five_hundred_waits_share_one_query_each_round(monkeypatch):
    command = await sync_to_async(_command)()
    asked = []
    monkeypatch.setattr(waiting, "_ended", lambda model, ids: asked.append(len(ids)) or [])
    waits = [waiting.wait_for_end(command.pk, 0.5, Command) for _ in range(500)]
    assert await asyncio.gather(*waits) == [False] * 500
    assert 2 <= len(asked) <= 8


async def test_nobody_is_left_behind_after_a_wait():
    command = await sync_to_async(_command)()
    room = waiting.WaitingRoom(Command)
    await room.wait(command.pk, 0.01)
    assert room._waiting == {}


async def test_a_database_that_comes_back_in_time_costs_nothing(monkeypatch):
    command = await sync_to_async(_command)()
    answers = iter([waiting.DatabaseError("away"), [command.pk]])

    def ended(_model, _ids):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(waiting, "_ended", ended)
    assert await waiting.wait_for_end(command.pk, 20, Command) is True
