"""What the images are: small, compiled, owned by root and run by nobody."""

import pytest

from tests.containers.engine import Engine

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("images")]
BASE = "docker.io/library/python:3.11.14-slim-bookworm"
ABOVE_ITS_BASE_MB = 300


def run(engine: Engine, command: str, image: str = "photohub:local") -> str:
    return engine.run("run", "--rm", "--read-only", "--cap-drop", "all", image, "sh", "-c", command)


def test_the_image_is_small_above_its_base(engine):
    above_mb = (engine.size_bytes("photohub:local") - engine.size_bytes(BASE)) / 1e6
    assert above_mb <= ABOVE_ITS_BASE_MB


def test_every_module_of_its_own_has_bytecode(engine):
    finding = "find devices media_pipeline photohub simulators -name '*.py'"
    sources, compiled = (
        int(run(engine, f"{finding}{more} | wc -l")) for more in ("", "c -path '*/__pycache__/*'")
    )
    assert 0 < sources == compiled


@pytest.mark.parametrize("image", ["photohub:local", "photohub-broker:local"])
def test_it_runs_as_nobody_in_particular(engine, image):
    assert run(engine, "id -u", image) == "10001"


def test_it_can_change_none_of_its_own_files(engine):
    assert run(engine, "find /photohub /usr /etc -writable ! -type l | head") == ""
