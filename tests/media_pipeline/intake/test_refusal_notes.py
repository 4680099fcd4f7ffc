import asyncio

import pytest

from devices.events.models import Trouble
from devices.events.wording import SENTENCES, sentence_of
from media_pipeline.intake import refusal_notes
from media_pipeline.intake.refusal_notes import RefusalNotes, word_of
from media_pipeline.picture_files.refusals import STATUS, Refused
from tests.builders import make_device

pytestmark = pytest.mark.django_db(transaction=True)


def open_words() -> set[str]:
    return set(Trouble.objects.open().values_list("word", flat=True))


@pytest.mark.parametrize("word", [word for word in STATUS if word != "method"])
def test_every_refusal_has_its_sentence(word):
    assert word_of(Refused(word, "")) in SENTENCES


async def test_a_refusal_stands_on_the_page_until_a_picture_was_stored():
    device, notes = await asyncio.to_thread(make_device), RefusalNotes()
    await notes.stored(device)
    await notes.note(device, Refused("not_image", "no"))
    assert await asyncio.to_thread(open_words) == {"picture_not_image"}
    await notes.stored(device)
    assert await asyncio.to_thread(open_words) == set()


async def test_who_sends_too_much_does_so_until_nothing_was_refused_for_a_while(monkeypatch):
    device, notes = await asyncio.to_thread(make_device), RefusalNotes()
    await notes.note(device, Refused("rate", "too many"))
    await notes.stored(device)
    assert await asyncio.to_thread(open_words) == {"picture_rate"}
    monkeypatch.setattr(refusal_notes, "LOOK_EVERY_S", 0)
    await notes.stored(device)
    assert await asyncio.to_thread(open_words) == set()


async def test_what_is_wrong_with_a_stored_picture_stays():
    device, notes = await asyncio.to_thread(make_device), RefusalNotes()
    await notes.tell(device, "picture_clock", said="946684860")
    await notes.stored(device, "picture_clock")
    assert await asyncio.to_thread(open_words) == {"picture_clock"}


async def test_a_good_camera_costs_a_look_a_minute(monkeypatch):
    device, notes, asked = await asyncio.to_thread(make_device), RefusalNotes(), []
    monkeypatch.setattr(refusal_notes.troubles, "over", lambda *_: asked.append(1))
    for _ in range(5):
        await notes.stored(device)
    assert asked == [1]


@pytest.mark.parametrize("word", ["busy", "db"])
async def test_nothing_is_written_while_the_hub_cannot_write(word, monkeypatch):
    device, asked = await asyncio.to_thread(make_device), []
    monkeypatch.setattr(refusal_notes.troubles, "note", lambda *_: asked.append(1))
    await RefusalNotes().note(device, Refused(word, "away"))
    assert asked == []


@pytest.mark.parametrize("word", ["busy", "db"])
async def test_what_could_not_be_written_is_told_with_the_next_picture(word):
    device, notes = await asyncio.to_thread(make_device), RefusalNotes()
    await notes.note(device, Refused(word, "away"))
    await notes.stored(device)
    trouble = await asyncio.to_thread(Trouble.objects.get)
    assert trouble.word == f"picture_{word}"
    assert sentence_of(trouble.word, trouble.values).endswith("The device was asked to send it again.")
