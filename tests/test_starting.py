"""What starts processes is found by what a test names, however far away, and nobody keeps a list of it."""

import subprocess
from types import SimpleNamespace

import pytest

from devices.protocol import topics
from tests import brokers, hub_process, starting
from tests.builders import make_jpeg
from tests.faults.hub import hub_with_camera
from tests.production.stack import Stack


def runs_a_program():
    return [subprocess.run(["true"], check=True) for _ in range(1)]


def has_a_hub():
    with hub_with_camera() as both:
        return both


def has_a_broker(folder):
    return brokers.running_mosquitto(folder)


def has_a_stack(folder):
    return Stack(folder).start_all()


def makes_a_hub(folder):
    return hub_process.HubProcess(folder)


def draws():
    return make_jpeg(), topics.build("porch", topics.Channel.COMMAND), SimpleNamespace(subprocess=1)


@pytest.mark.parametrize("function", [runs_a_program, has_a_hub, has_a_broker, has_a_stack, makes_a_hub])
def test_what_starts_processes_is_found(function):
    assert starting.starts_processes(function)


def test_what_starts_nothing_stays_in_the_inner_loop():
    assert not starting.starts_processes(draws)


def test_fixtures_count_too(request):
    found = [function.__name__ for function in starting.functions_of(request.node)]
    assert found[0] == "test_fixtures_count_too" and "data_folder" in found
    assert "_hubs_begin_with_their_libraries_loaded" not in found
