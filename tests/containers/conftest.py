"""The images and one project for all tests of this folder. They stay for the next run: to make them takes minutes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.containers.composed import Composed, composed
from tests.containers.engine import ROOT, Engine, official_images


@pytest.fixture(scope="session")
def engine() -> Engine:
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    engine = Engine(caches / "photohub-containers")
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    engine.provide(list(dict.fromkeys(official_images(compose))))
    return engine


@pytest.fixture(scope="session")
def images(engine: Engine) -> None:
    """The two images of the Dockerfile, under the names that the compose file gives them."""
    engine.build(ROOT, "app", "photohub:local")
    engine.build(ROOT, "broker", "photohub-broker:local")


@pytest.fixture(scope="session")
def project(engine: Engine, images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with composed(engine, tmp_path_factory.mktemp("project") / "photohub", "photohub-test") as project:
        project.up()
        yield project
