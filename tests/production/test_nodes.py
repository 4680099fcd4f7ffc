"""Two machines of one hub: what one stored the other shows, and what one that is killed had is away and then there again.

Then three, with gateways and a balancer in front, of which any process and any machine is killed. A thousand times:

    PHOTOHUB_KILLS=1000 python3 manage.py test long -n 0 tests/production/test_nodes.py -k whatever_dies
"""

import hashlib
import json
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from simulators.firmware_board import make_firmware
from tests.builders import make_jpeg
from tests.console import Console
from tests.faults.ledger import Ledger, compare, compare_at
from tests.faults.rounds import kills
from tests.production.cluster import Cluster, Machine, running_cluster
from tests.production.stack import ROOT, begin, wait_for
from tests.production.storm import Storm
from tests.production.versions import knows_files_of_other_versions, lay_out_previous
from tests.production.visitors import ASKED, PAGES, Visitors


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture(autouse=True)
def _show_logs_of_failures(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[None]:
    failed_before = request.session.testsfailed
    cluster.oss.heal()
    yield
    if request.session.testsfailed > failed_before:
        print(cluster.logs())


def camera(cluster: Cluster, machine: Machine, code: str) -> Ledger:
    """Add a camera that uploads to this machine."""
    return Ledger(machine.url, cluster.add_device(code)["key"], prefix=code)


def send_one(ledger: Ledger) -> tuple[str, bytes]:
    """Send a picture; return its id and its bytes."""
    [entry] = ledger.send_now(ledger.new_entry())
    assert entry.outcome == "ok", entry.answer
    return entry.answer["id"], entry.data


def test_each_worker_takes_the_tasks_of_its_own_machine(cluster: Cluster):
    a, b = cluster.machines[:2]
    ledgers = [camera(cluster, a, "gate"), camera(cluster, b, "pond")]
    for ledger in ledgers:
        ledger.send_now(*(ledger.new_entry() for _ in range(6)))
    for code, node in (("gate", None), ("pond", 2)):
        wait_for(f"{code} is copied", lambda c=code: all_mirrored(cluster, c), 60)
        assert {row["node"] for row in cluster.pictures_of(code)} == {node}
    for code, machine in (("gate", a), ("pond", b)):
        folder, rows = machine.data / "thumbnails", cluster.pictures_of(code)
        paths = [folder / f"{str(row['id'])[-2:]}/{row['id']}.webp" for row in rows]
        wait_for(f"{code} has previews", lambda paths=paths: all(path.is_file() for path in paths), 60)


def all_mirrored(cluster: Cluster, code: str) -> bool:
    return {row["state"] for row in cluster.pictures_of(code)} == {"mirrored"}


@pytest.mark.measures_time("one second from the answer on, on a machine that others use too")
def test_a_picture_is_seen_through_the_other_machine_at_once(cluster: Cluster):
    a, b = cluster.machines[:2]
    cluster.oss.fail(times=None, method="PUT")
    for here, there, code in ((a, b, "porch"), (b, a, "yard")):
        # A second try meets the cameras of the first.
        id, data = send_one(camera(cluster, here, f"{code}-{time.monotonic_ns() % 10**9}"))
        begun_s = time.monotonic()
        assert cluster.look(there, id) == (200, data)
        status, preview = cluster.look(there, id, "thumb")
        assert time.monotonic() - begun_s < 1
        assert status == 200 and preview[8:12] == b"WEBP"
        facts = cluster.facts(there, id)
        assert facts["away"] == "" and facts["mirror"]["state"] != "mirrored"


def test_nothing_is_lost_or_missing_when_a_machine_dies_under_load(cluster: Cluster):
    a, b = cluster.machines[:2]
    ledgers = [camera(cluster, machine, f"night-{machine.name}") for machine in (a, b)]
    die_once(cluster, b, ledgers, copied=send_one(ledgers[1]))
    assert_whole(cluster, ledgers)


def die_once(
    cluster: Cluster, dying: Machine, ledgers: list[Ledger], copied: tuple[str, bytes] | None = None
) -> None:
    """Kill a machine under load and start it again; meanwhile what only it has is away for the other one.

    What is copied (an id and its bytes) is seen all the same, original and preview.
    """
    [other] = [machine for machine in cluster.machines if machine is not dying]
    lost, kept = (next(led for led in ledgers if led.port == m.port) for m in (dying, other))
    if copied:
        wait_for("it is copied", lambda: cluster.facts(other, copied[0])["mirror"]["state"] == "mirrored", 60)
    with ExitStack() as load:
        for ledger in ledgers:
            load.enter_context(ledger.load(senders=3, per_second=10))
        kept.wait_for(5)
        # From now on nothing is copied, so that the machine alone has some.
        cluster.oss.fail(times=None, method="PUT")
        lost.wait_for(8)
        cluster.kill(dying)
        newest = [entry.answer["id"] for entry in lost.entries if entry.outcome == "ok"][-3:]
        assert_away(cluster, other, newest, dying.name)
        if copied:
            assert cluster.look(other, copied[0]) == (200, copied[1])
            assert cluster.look(other, copied[0], "thumb")[1][8:12] == b"WEBP"
        kept.wait_for(5)
        cluster.oss.heal()
        cluster.start(dying)
        lost.wait_for(3, within_s=60)


def assert_away(cluster: Cluster, machine: Machine, ids: list[str], name: str) -> None:
    for id in ids:
        status, body = cluster.look(machine, id)
        assert status == 503 and f"on the machine {name}".encode() in body
        assert cluster.look(machine, id, "thumb")[0] == 503
        facts = cluster.facts(machine, id)
        assert f"on the machine {name}" in facts["away"] and facts["mirror"]["state"] not in (
            "failed",
            "mirrored",
        )


def assert_whole(cluster: Cluster, ledgers: list[Ledger]) -> None:
    """Compare ledgers and disks, send again what nobody answered, and wait until all is copied and nothing given up."""
    for ledger, machine in zip(ledgers, cluster.machines, strict=True):
        code = ledger.entries[0].name.rpartition("-")[0]
        compare(ledger, cluster.pictures_of(code), machine.data / "pictures")
        ledger.replay_unknown()
        compare(ledger, cluster.pictures_of(code), machine.data / "pictures")
        wait_for(f"{code} is copied", lambda c=code: all_mirrored(cluster, c), 90)
        ids = [row["id"] for row in cluster.pictures_of(code)]
        for id in random.sample(ids, min(5, len(ids))):
            assert {cluster.look(each, str(id))[0] for each in cluster.machines} == {200}


def test_a_copy_of_a_folder_in_use_is_refused(cluster: Cluster):
    a, b = cluster.machines[:2]
    copy = cluster.folder / "copy"
    copy.mkdir()
    shutil.copy(b.data / "node.json", copy)
    address = f"{a.host}:{b.port}"
    env = b.env | {
        "PHOTOHUB_DATA": str(copy),
        "PHOTOHUB_HTTP": address,
        "PHOTOHUB_NODE_URL": f"http://{address}",
    }
    with (cluster.folder / "copy.log").open("wb") as log:
        process = begin([sys.executable, "manage.py", "web"], env, log)
        assert process.wait(60) != 0
    assert "is a copy of that of the machine b, which is running" in cluster.log("copy")
    assert b.processes["web"].poll() is None and cluster.ask(b, "/healthz")[0] == 200


def test_nobody_without_the_secret_is_handed_a_file(cluster: Cluster):
    a, _b = cluster.machines[:2]
    id, _data = send_one(camera(cluster, a, "shed"))
    assert cluster.ask(a, f"/nodes/1/original/{id}")[0] == 403
    assert (
        cluster.ask(a, f"/nodes/1/original/{id}", **{"X-PhotoHub-Node": f"{int(time.time()) + 20}.00"})[0]
        == 403
    )


def test_firmware_and_a_drawn_picture_are_had_though_the_machine_that_made_them_is_dead(cluster: Cluster):
    a, b = cluster.machines[:2]
    with httpx.Client(
        headers={"Authorization": f"Bearer {cluster.token}"}, trust_env=False, timeout=20
    ) as api:
        # So that nobody else draws.
        cluster.kill(b)
        board, new = begin_rollout(api, a)
        panel, drawn = draw_for_panel(api, a)
        cluster.start(b)
        cluster.kill(a)
        try:
            assert_downloads(b, board, new)
            answer = httpx.get(f"{b.url}/panel/next", headers={"X-Device-Key": panel}, trust_env=False)
            assert (answer.status_code, hashlib.sha256(answer.content).hexdigest()) == (200, drawn)
        finally:
            cluster.start(a)


def begin_rollout(api: httpx.Client, machine: Machine) -> tuple[str, bytes]:
    """Upload an image at this machine and roll it out to a new device; return the device's key and the image."""
    made = api.post(f"{machine.url}/api/v1/devices", json={"code": "board", "profile": "generic"}).json()
    new = make_firmware("2.0.0", 200_000)
    facts = {"product": "generic", "module": "default", "version": "2.0.0", "publish": "true"}
    stored = api.post(f"{machine.url}/api/v1/firmware", data=facts, files={"file": ("2.swu", new.data)})
    assert stored.status_code == 201, stored.text
    wish = {"firmware": stored.json()["id"], "devices": ["board"], "steps": [{"percent": 100}]}
    rollout = api.post(f"{machine.url}/api/v1/rollouts", json=wish)
    assert rollout.status_code == 201, rollout.text
    return made["key"], new.data


def draw_for_panel(api: httpx.Client, machine: Machine) -> tuple[str, str]:
    """Have a picture drawn for a new panel that fetches; return the panel's key and the hash of what was drawn."""
    devices = f"{machine.url}/api/v1/devices"
    made = api.post(devices, json={"code": "wall", "profile": "panel"}).json()
    fetches = {"picture_topic": "", "picture_ack_topic": "", "panel": {"poll_interval_s": 60}}
    assert api.patch(f"{devices}/wall", json=fetches).status_code == 200
    asked = api.post(
        f"{devices}/wall/deliveries", files={"file": ("a.jpg", make_jpeg(640, 480), "image/jpeg")}
    )
    assert asked.status_code == 202, asked.text
    address = f"{machine.url}/api/v1/deliveries/{asked.json()['id']}"
    wait_for("it is drawn", lambda: api.get(address).json()["sha256"], 30)
    return made["key"], api.get(address).json()["sha256"]


def assert_downloads(machine: Machine, key: str, image: bytes) -> None:
    """Ask for the update as the device, and take it whole and in parts."""
    query, headers = {"module": "default", "version": "1.0.0"}, {"X-Device-Key": key}
    with httpx.Client(headers=headers, trust_env=False, timeout=20) as device:
        offer = device.get(f"{machine.url}/api/v1/ota/check", params=query)
        assert offer.status_code == 200, offer.text
        url = machine.url + urlsplit(offer.json()["url"]).path
        assert device.get(url).content == image
        part = device.get(url, headers={"Range": "bytes=100000-150000"})
        assert (part.status_code, part.content) == (206, image[100_000:150_001])


@pytest.fixture(scope="module")
def three(cluster: Cluster) -> Cluster:
    """Three machines with all that belongs to a hub."""
    cluster.complete()
    return cluster


def test_nothing_is_lost_whatever_dies_of_three_machines(three: Cluster):
    storm = Storm(three, random.Random(31))
    storm.rage(kills(3, 200))
    storm.check()


def test_three_machines_of_two_versions_are_one_hub_for_whoever_comes(three: Cluster, tmp_path: Path):
    """The version before serves beside this one's database, and each machine is made anew while people and cameras come."""
    previous = lay_out_previous(tmp_path / "previous")
    c, ledger = three.machines[2], Ledger(three.url, three.add_device("rolling")["key"], prefix="rolling")
    c.services, services = ("web",), c.services
    visitors = Visitors(three.url, three.token, knows_files_of_other_versions(previous))
    with ledger.load(senders=2, per_second=4), visitors.coming():
        three.change(c, previous)
        ledger.wait_for(3, within_s=60)
        c.services = services
        for machine in three.machines[::-1]:
            three.change(machine, ROOT)
        ledger.wait_for(3, within_s=60)
    assert visitors.failed == [] and set(visitors.asked) >= {*PAGES, *ASKED}
    assert {e.answer.get("err") for e in ledger.entries if e.outcome == "no"} <= {None, "busy"}
    compare_at(ledger, three.pictures_of("rolling"), three.path_of)


@pytest.mark.long
def test_a_machine_is_emptied_under_load_and_then_declared_gone(cluster: Cluster):
    a, b = cluster.machines[:2]
    ledger, console = camera(cluster, b, "attic"), Console(b.env | {"PHOTOHUB_UPLOAD_TIMEOUT": "5"})
    try:
        with ledger.load(senders=3, per_second=10):
            ledger.wait_for(5)
            assert "This machine is empty" in console.run("drain", "--within", "120")
            assert json.loads(cluster.ask(b, "/readyz")[1])["parts"]["machine"] == "problem"
        assert ledger.count("ok") >= 5 and all_mirrored(cluster, "attic")
        refused = [entry for entry in ledger.entries if entry.outcome == "no"]
        assert refused and {entry.answer.get("err") for entry in refused} == {"busy"}
        compare(ledger, cluster.pictures_of("attic"), b.data / "pictures")
    finally:
        console.close()
    cluster.kill(b)
    wait_for("b is silent", lambda: "0 pictures" in declare_lost(cluster, "b"), 30, every_s=2)
    for row in cluster.pictures_of("attic")[:5]:
        assert cluster.look(a, str(row["id"]))[0] == 200
    cluster.start_one(b, "web")
    assert b.processes["web"].wait(60) != 0 and "declared lost" in cluster.log("web-b")


def declare_lost(cluster: Cluster, name: str) -> str:
    """Return what is said, or nothing while the machine is not silent for long enough."""
    try:
        return cluster.console.run("forget_node", name, "--yes")
    except RuntimeError as error:
        assert "is running" in str(error), error
        return ""
