from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone, translation

from devices.events import heartbeats
from devices.events.models import ServiceBeat
from media_pipeline import tasks
from media_pipeline.maintenance import orphans
from media_pipeline.mirror import gate, waking
from media_pipeline.nodes import here, known
from media_pipeline.nodes.models import Node, NodeState
from photohub.status import parts as status
from tests.builders import make_capture, make_device, make_user
from tests.nodes import being

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(tmp_path):
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


def beat_of(number: int, silent_s: int = 0) -> None:
    name = here.worker_heartbeat(number)
    heartbeats.note(name, True)
    ServiceBeat.objects.filter(pk=name).update(at=timezone.now() - timedelta(seconds=silent_s))


def test_one_machines_silent_worker_is_a_problem_that_names_it(two, client):
    beat_of(1)
    beat_of(2, silent_s=90)
    found = part("worker")
    assert (found.state, found.sentence.partition(":")[0]) == (
        "problem",
        "The worker of the machine b is silent",
    )
    assert found.since and dict(found.figures)["Worker of b"].startswith("silent since")
    assert client.get("/readyz").json()["parts"]["worker"] == "problem"
    assert client.get("/readyz?parts=disk,machine").status_code == 200
    client.force_login(make_user("ada", "owner"))
    api = {each["name"]: each for each in client.get("/api/v1/status").json()["parts"]}
    assert "machine b" in api["worker"]["sentence"]
    with translation.override("zh-hans"):
        assert "机器 b" in part("worker").sentence


def test_a_worker_that_was_never_heard_fails_nothing_and_all_that_are_heard_say_nothing(two):
    beat_of(1)
    assert (part("worker").state, part("worker").figures[-1]) == ("warning", ("Worker of b", "not heard yet"))
    beat_of(2)
    assert part("worker").state == "ok"


def test_a_silent_machine_is_told_of_once(two):
    beat_of(1)
    Node.objects.filter(name="b").update(seen_at=Now() - timedelta(hours=1))
    known.forget()
    assert part("worker").state == "ok" and part("machines").state == "warning"


def test_the_worker_that_takes_a_machines_own_tasks_says_so(two, tmp_path):
    tasks.sweep_files([1])
    assert set(ServiceBeat.objects.filter(pk__endswith=".worker").values_list("pk", flat=True)) == {
        here.worker_heartbeat(1)
    }
    assert "The worker was heard" in call_and_read("alive", "worker")
    with being(tmp_path, "b"), pytest.raises(CommandError):
        call_and_read("alive", "worker")


def call_and_read(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_another_machines_full_disk_is_told(two):
    Node.objects.filter(name="b").update(free_bytes=1000)
    known.forget()
    with override_settings(DISK_FLOOR_BYTES=2000):
        assert part("machines").sentence == "The disk of the machine b is full: it refuses new pictures."


def test_stray_files_of_any_machine_are_told(two, tmp_path):
    with being(tmp_path, "b"):
        lose_a_file()
        orphans.set_orphans_aside(older_than_s=-60)
    assert part("files").state == "warning"


def lose_a_file() -> None:
    folder = settings.PICTURES_DIR / "gate" / f"{timezone.now():%Y-%m-%d}"
    folder.mkdir(parents=True)
    (folder / f"{uuid4()}.jpg").touch()


def test_a_wrong_setting_of_one_machine_holds_up_no_other(two, tmp_path):
    with being(tmp_path, "b"):
        gate.shut("The bucket's key is wrong.")
        assert gate.is_shut()
    assert not gate.is_shut() and gate.reason() == "The bucket's key is wrong."
    gate.unlock()
    with being(tmp_path, "b"):
        assert gate.is_shut()
    waking.unblock_all()
    assert gate.reason() == ""
