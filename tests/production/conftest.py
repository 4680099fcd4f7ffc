"""One production stack for all tests of this folder, which run in one process."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.fakes.oss_server import FakeOSS
from tests.flows.story import Visitor
from tests.production.ledgers import http_camera, send_some
from tests.production.stack import Stack, running_stack


@pytest.fixture(scope="session")
def oss() -> Iterator[FakeOSS]:
    """The mirror of the stack."""
    with FakeOSS() as running:
        yield running


@pytest.fixture(scope="session")
def stack(oss: FakeOSS) -> Iterator[Stack]:
    env = {"PHOTOHUB_UPLOAD_TIMEOUT": "6", "PHOTOHUB_UNSIGNED_FIRMWARE": "allow"}
    with running_stack(oss.settings() | env) as running:
        yield running


@pytest.fixture
async def maker(stack: Stack) -> AsyncIterator[Visitor]:
    """Somebody who works with the API."""
    token = await asyncio.to_thread(lambda: stack.token)
    person = Visitor(stack.url, token)
    yield person
    await person.api.aclose()


@pytest.fixture(scope="session")
def usual_s(stack: Stack) -> float:
    """How long uploads take at most while nothing is wrong."""
    return send_some(http_camera(stack, "usual"))


@pytest.fixture(autouse=True)
def _show_logs_of_failures(request: pytest.FixtureRequest) -> Iterator[None]:
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before and "stack" in request.fixturenames:
        print(request.getfixturevalue("stack").logs())
