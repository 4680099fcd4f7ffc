"""Answers that carry all that a sleeping camera needs, over the real endpoint."""

import pytest

from devices.commands import queue as commands
from devices.setup import adding
from media_pipeline.intake import endpoint as upload
from tests.builders import make_jpeg
from tests.media_pipeline.intake.test_endpoint import send

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_answer_to_a_device_that_asks_for_it_carries_its_order_and_nobody_elses_does(endpoint, porch):
    owl = adding.add_device(code="owl", name="Owl", profile="generic", one_wake=True)
    asked = [commands.capture(device) for device in (porch.device, owl.device)]
    assert send(endpoint, porch.key).json().keys() == {"code", "des", "url", "id"}
    answer = send(endpoint, owl.key)
    assert answer.json()["command"] == {"action": 0, "name": asked[1].name}
    assert len(answer.content) <= 512 and int(answer.headers["content-length"]) == len(answer.content)
    assert send(endpoint, owl.key).json()["command"]["name"] == asked[1].name
    assert "command" not in send(endpoint, owl.key, asked[1].name, make_jpeg(text="new")).json()


def test_who_did_not_ask_for_more_costs_no_look_at_what_waits(endpoint, porch, monkeypatch):
    monkeypatch.setattr(upload.one_wake, "extend_answer", None)
    assert send(endpoint, porch.key).status_code == 200


def test_a_picture_is_answered_when_what_waits_cannot_be_read(endpoint, monkeypatch):
    owl = adding.add_device(code="owl", name="Owl", profile="generic", one_wake=True)

    def fail(*args, **options):
        raise RuntimeError("no")

    monkeypatch.setattr(upload.one_wake, "extend_answer", fail)
    assert send(endpoint, owl.key).json().keys() == {"code", "des", "url", "id"}
