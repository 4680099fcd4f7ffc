import asyncio
import shutil
import subprocess
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone

from devices.commands import queue as commands
from devices.commands.models import Command
from media_pipeline.captures.models import Capture
from media_pipeline.intake.ingest import ingest
from media_pipeline.mirror.models import OSSObject
from photohub.metrics import endpoint, families, queues
from tests.builders import make_device, make_jpeg, make_upload
from tests.photohub.metrics.asking import ask, named, read

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-that-nobody-guesses-7"
NEAR = [ip_network("127.0.0.0/8"), ip_network("::1")]


# --- who may ---


@pytest.mark.parametrize(
    ("token", "networks", "address", "headers", "status"),
    [
        ("", NEAR, "127.0.0.1", {}, 200),
        ("", NEAR, "::1", {}, 200),
        ("", NEAR, "::ffff:127.0.0.1", {}, 200),
        ("", NEAR, "192.0.2.1", {}, 403),
        ("", NEAR, "192.0.2.1", {"Authorization": "Bearer "}, 403),
        ("", NEAR, "192.0.2.1", {"Authorization": "Bearer x"}, 403),
        # Whom a proxy passed on that nobody named is nobody's neighbour.
        ("", NEAR, "127.0.0.1", {"X-Forwarded-For": "192.0.2.9"}, 403),
        ("", NEAR, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("", [ip_network("10.0.0.0/8")], "10.1.2.3", {}, 200),
        ("", [ip_network("10.0.0.0/8")], "127.0.0.1", {}, 403),
        (TOKEN, [], "192.0.2.1", {"Authorization": f"Bearer {TOKEN}"}, 200),
        (TOKEN, [], "192.0.2.1", {"Authorization": f"bearer {TOKEN}"}, 200),
        (TOKEN, [], "192.0.2.1", {"Authorization": f"Bearer {TOKEN}x"}, 401),
        (TOKEN, [], "127.0.0.1", {}, 401),
        (TOKEN, NEAR, "127.0.0.1", {}, 200),
    ],
)
async def test_who_may_read_the_figures(settings, token, networks, address, headers, status):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = token, networks
    answer = await ask(address, **headers)
    assert answer.status_code == status
    if status != 200:
        assert "PHOTOHUB_METRICS_" in answer.text and "photohub_" not in answer.text


async def test_behind_a_named_proxy_the_clients_address_counts(settings):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = "", [ip_network("10.0.0.0/8")]
    settings.TRUSTED_PROXIES = 1
    seen = [
        (await ask("127.0.0.1", **{"X-Forwarded-For": ip})).status_code for ip in ("10.0.0.7", "192.0.2.7")
    ]
    assert seen == [200, 403]


async def test_a_page_that_was_led_here_by_another_name_reads_nothing_and_who_names_the_token_all(settings):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = TOKEN, NEAR
    assert (await ask(host="evil.example")).status_code == 400
    assert (await ask("10.0.0.1", host="web", Authorization=f"Bearer {TOKEN}")).status_code == 200
    assert (await ask(method="POST")).status_code == 405


# --- what is told ---


async def test_prometheus_own_tool_finds_nothing_to_complain_of():
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool")
    told = (await ask()).content
    check = partial(subprocess.run, ["promtool", "check", "metrics"], input=told, capture_output=True)
    done = await asyncio.to_thread(check)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def store(count: int) -> None:
    device = make_device("north")
    for n in range(count):
        ingest(make_upload(device, make_jpeg(text=str(n)), name=f"p{n}"))
    ingest(make_upload(device, make_jpeg(text="0"), name="p0"))


async def test_stored_pictures_are_counted_with_their_times_and_repeated_ones_are_not():
    await sync_to_async(store)(3)
    found = await read()
    assert found[named("photohub_ingest_duration_seconds_count", source="http")] == 3
    assert 0 < found[named("photohub_ingest_duration_seconds_sum", source="http")] < 30
    assert found[named("photohub_ingest_duration_seconds_bucket", source="http", le="+Inf")] == 3
    assert found[named("photohub_pictures")] == 3


def age_the_queues() -> None:
    store(2)
    Capture.objects.update(received_at=timezone.now() - timedelta(seconds=70))
    OSSObject.objects.update(state="pending", created_at=timezone.now() - timedelta(seconds=90))
    command = commands.capture(make_device("south", command_topic="photohub/south/command"), timeout_s=600)
    Command.objects.filter(pk=command.pk).update(created_at=timezone.now() - timedelta(seconds=40))


async def test_each_queue_says_how_many_wait_and_how_long():
    await sync_to_async(age_the_queues)()
    found = await read()
    waiting = {"previews": (2, 70), "mirror": (2, 90), "commands": (1, 40), "deliveries_to_send": (0, 0)}
    for queue, (rows, oldest_s) in waiting.items():
        assert found[named("photohub_queue_rows", queue=queue)] == rows
        assert oldest_s <= found[named("photohub_queue_oldest_seconds", queue=queue)] < oldest_s + 30


def end_commands() -> None:
    device = make_device("south", command_topic="photohub/south/command")
    for _ in range(2):
        commands.cancel(commands.capture(device))
    commands.capture(device)
    Command.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    commands.expire_due()


async def test_commands_are_counted_by_their_end():
    await sync_to_async(end_commands)()
    found = await read()
    ends = {
        word: found[named("photohub_command_duration_seconds_count", outcome=word)] for word in Command.FINAL
    }
    assert ends == {"uploaded": 0, "failed": 0, "expired": 1, "cancelled": 2}


async def test_no_label_names_a_device_and_the_series_are_few():
    await sync_to_async(age_the_queues)()
    found = await read()
    words = {word for _name, labels in found for _label, word in labels}
    assert not {"north", "south"} & words and len(found) < 600


async def test_parts_say_what_the_status_page_says():
    found = await read()
    states = {
        state: found[named("photohub_part_state", part="disk", state=state)] for state in ("ok", "problem")
    }
    assert states == {"ok": 1, "problem": 0}


# --- when something is away, and when many ask ---


async def test_a_database_that_is_away_takes_its_figures_and_nothing_else(monkeypatch):
    monkeypatch.setattr(queues, "read_trash", mock.Mock(side_effect=OperationalError("away")))
    found = await read()
    assert found[named("photohub_metrics_source_missing", source="rows")] == 1
    assert found[named("photohub_metrics_source_missing", source="disk")] == 0
    names = {name for name, _labels in found}
    assert "photohub_disk_free_bytes" in names and "photohub_queue_rows" not in names


async def test_figures_that_cannot_be_told_at_all_are_an_error_and_asked_anew(monkeypatch):
    with mock.patch.object(families.Hub, "collect", side_effect=RuntimeError("ours")):
        assert (await ask()).status_code == 500
    assert (await ask()).status_code == 200


async def test_who_asks_again_at_once_is_told_the_same(monkeypatch):
    asked = mock.Mock(wraps=queues.read_disks)
    monkeypatch.setattr(queues, "read_disks", asked)
    answers = {(await ask()).content for _ in range(3)}
    assert len(answers) == 1 and asked.call_count == 1
    monkeypatch.setattr(endpoint, "KEPT_S", 0)
    await ask()
    assert asked.call_count == 2
