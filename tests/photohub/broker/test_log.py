"""Lines as Mosquitto 2.0.11 printed them."""

import pytest
from django.db import OperationalError

from devices.events.models import Trouble
from devices.registry.models import Device, LinkState
from photohub.broker.log import TOPIC, BrokerLog
from tests.builders import make_device

pytestmark = pytest.mark.django_db
CONNECTED = "New client connected from 127.0.0.1:33891 as gate (p2, c1, k60, u'gate')."


def read(log: BrokerLog, *lines: str, level: str = "N") -> None:
    for line in lines:
        log.read(f"{TOPIC}{level}", line.encode())


def link_of(device: Device) -> str:
    device.refresh_from_db()
    return device.link_state


def test_a_connection_is_noted_with_its_address():
    gate = make_device("gate")
    read(BrokerLog(), "New connection from 127.0.0.1:33891 on port 18831.", CONNECTED)
    assert link_of(gate) == LinkState.CONNECTED
    assert gate.last_address == "127.0.0.1"


@pytest.mark.parametrize(
    "line",
    [
        "Client gate disconnected.",
        "Client gate closed its connection.",
        "Client gate has exceeded timeout, disconnecting.",
        "Client gate been disconnected by administrative action.",
        "Client gate disconnected due to malformed packet.",
        "Client gate disconnected, not authorised.",
        "Bad socket read/write on client gate: Unknown error.",
    ],
)
def test_every_end_is_noted(line):
    gate, log = make_device("gate"), BrokerLog()
    read(log, CONNECTED, line)
    assert link_of(gate) == LinkState.LOST
    assert Trouble.objects.filter(word="mqtt_refused").exists() == ("due to" in line)


def test_a_taken_over_connection_leaves_the_device_connected():
    gate, log = make_device("gate"), BrokerLog()
    read(log, CONNECTED)
    read(log, "Client gate already connected, closing old connection.", level="E")
    read(log, CONNECTED)
    assert link_of(gate) == LinkState.CONNECTED


def test_a_name_that_looks_like_a_line_deceives_nobody():
    gate, log = make_device("gate"), BrokerLog()
    mallory = make_device("mallory")
    read(log, "New client connected from 192.0.2.1:1 as x (p2, c1, k60, u'gate'). (p2, c1, k60, u'mallory').")
    assert (link_of(gate), link_of(mallory)) == (LinkState.UNKNOWN, LinkState.CONNECTED)


def test_a_broker_that_started_has_nobody():
    gate, log = make_device("gate"), BrokerLog()
    read(log, CONNECTED)
    read(log, "mosquitto version 2.0.11 running", level="I")
    assert link_of(gate) == LinkState.LOST


def test_after_missed_lines_nobody_counts_as_connected_or_lost():
    gate, log = make_device("gate"), BrokerLog()
    shed = make_device("shed")
    read(log, CONNECTED, CONNECTED.replace("gate", "shed"), "Client shed disconnected.")
    log.start_over()
    assert (link_of(gate), link_of(shed)) == (LinkState.UNKNOWN, LinkState.UNKNOWN)
    assert (gate.online, shed.online) == (True, False)


def test_a_command_waits_until_the_device_listens():
    gate, told = make_device("gate"), []
    log = BrokerLog(lambda: told.append(1))
    assert log.hears("gate", gate.command_topic)
    read(log, CONNECTED)
    assert not log.hears("gate", gate.command_topic)
    read(log, "gate 1 photohub/gate/command", level="M/subscribe")
    assert log.hears("gate", gate.command_topic)
    assert told


def test_a_kept_session_listens_at_once():
    gate, log = make_device("gate"), BrokerLog()
    read(log, CONNECTED.replace("c1", "c0"))
    assert log.hears("gate", gate.command_topic)


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe", b"Client  disconnected.", b"New client connected from x"])
def test_other_lines_change_nothing(junk):
    gate = make_device("gate")
    BrokerLog().read(f"{TOPIC}N", junk)
    assert link_of(gate) == LinkState.UNKNOWN


def test_a_line_that_could_not_be_written_down_says_the_same_when_it_is_read_again(monkeypatch):
    gate, log = make_device("gate"), BrokerLog()
    read(log, CONNECTED.replace(" as gate", " as board-7"))
    with monkeypatch.context() as patch:
        patch.setattr(
            "devices.registry.presence.disconnected", lambda *_: (_ for _ in ()).throw(OperationalError)
        )
        with pytest.raises(OperationalError):
            read(log, "Client board-7 disconnected.")
    read(log, "Client board-7 disconnected.")
    assert link_of(gate) == LinkState.LOST


def test_of_anothers_devices_it_knows_who_is_there_and_writes_it_down_when_they_become_ours():
    gate, ours = make_device("gate"), set()
    log = BrokerLog(holds=ours.__contains__)
    read(log, CONNECTED)
    read(log, "gate 1 photohub/gate/command", level="M/subscribe")
    assert link_of(gate) == LinkState.UNKNOWN
    assert log.hears("gate", "photohub/gate/command") and not log.hears("gate", "photohub/gate/picture")
    log.catch_up()
    assert link_of(gate) == LinkState.UNKNOWN
    ours.add("gate")
    log.catch_up()
    assert link_of(gate) == LinkState.CONNECTED
    # Once: what was heard of it later is ours to write down.
    read(log, "Client gate disconnected.")
    log.catch_up()
    assert link_of(gate) == LinkState.LOST


def test_what_is_written_down_at_once_is_not_undone_by_what_was_heard_before():
    gate, ours = make_device("gate"), set()
    log = BrokerLog(holds=ours.__contains__)
    read(log, CONNECTED)
    ours.add("gate")
    read(log, "Client gate disconnected.")
    log.catch_up()
    assert link_of(gate) == LinkState.LOST


def test_a_broker_that_began_anew_is_told_by_each_gateway_of_its_own_devices():
    gate, barn = make_device("gate"), make_device("barn")
    Device.objects.update(link_state=LinkState.CONNECTED)
    read(BrokerLog(holds={"gate"}.__contains__), "mosquitto version 2.0.11 running", level="I")
    assert (link_of(gate), link_of(barn)) == (LinkState.LOST, LinkState.CONNECTED)


def test_lines_that_were_missed_leave_no_doubt_where_another_gateway_heard_them():
    gate = make_device("gate")
    Device.objects.update(link_state=LinkState.CONNECTED)
    BrokerLog().start_over(doubt=False)
    assert link_of(gate) == LinkState.CONNECTED
    BrokerLog().start_over()
    assert link_of(gate) == LinkState.UNKNOWN
