from datetime import timedelta

import pytest
from django.db.models.functions import Now

from devices.events import heartbeats
from media_pipeline.nodes import here, known
from media_pipeline.nodes.models import Node, NodeState
from photohub.status import parts as status
from tests.builders import make_capture, make_device, make_user
from tests.nodes import being

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(tmp_path, settings):
    for name in ("worker", "broker"):
        heartbeats.note(name, True)
    with being(tmp_path, "a"):
        here.join()
    with being(tmp_path, "b"):
        make_capture(make_device())
    with being(tmp_path, "a"):
        here.beat(free_bytes=7_000_000_000)
        yield


def part(key: str) -> status.Part:
    return next(p for p in status.collect().parts if p.key == key)


def test_a_hub_with_one_machine_says_nothing_of_machines(db):
    assert not {"machine", "machines"} & {p.key for p in status.collect().parts}


def test_all_machines_stand_there_with_their_space_and_what_only_they_have(two):
    found = part("machines")
    assert found.state == "ok" and [name for name, _text in found.figures] == ["a", "b"]
    assert found.figures[0][1] == "active, 7.0 GB free, pictures only there: 0"
    assert found.figures[1][1].endswith("pictures only there: 1")


def test_one_that_is_silent_is_named_with_what_only_it_has(two, client):
    Node.objects.filter(name="b").update(seen_at=Now() - timedelta(hours=1))
    known.forget()
    found = part("machines")
    assert found.state == "warning" and found.sentence == "The machine b is silent. Only it has 1 picture."
    assert found.since and "forget_node" in found.help
    client.force_login(make_user("ada", "owner"))
    assert "The machine b is silent" in client.get("/status").content.decode()


def test_one_that_is_empty_may_be_silent(two):
    Node.objects.filter(name="b").update(seen_at=Now() - timedelta(hours=1), state=NodeState.EMPTY)
    known.forget()
    assert part("machines").state == "ok"


def test_one_that_is_being_emptied_is_not_ready(two, client):
    assert client.get("/readyz").json()["parts"]["machine"] == "ok"
    Node.objects.filter(name="a").update(state=NodeState.DRAINING)
    here.beat()
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json()["parts"]["machine"] == "problem"
    assert "being emptied" in part("machine").sentence
    assert client.get("/readyz?parts=disk,machine").json()["parts"] == {"disk": "ok", "machine": "problem"}


def test_one_whose_place_a_copy_took_is_not_ready(two, client):
    Node.objects.filter(name="a").update(place="another")
    here.beat()
    assert client.get("/readyz").status_code == 503 and "a copy" in part("machine").sentence
