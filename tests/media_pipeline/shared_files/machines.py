"""Two machines that share files: a bucket that checks signatures, and a way from one folder to the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.firmware import images
from devices.panels.sources import outbox
from media_pipeline.nodes import asking, here
from media_pipeline.shared_files import sharing
from tests.fakes.oss_server import FakeOSS
from tests.nodes import being


class Two:
    """Machines a and b, the bucket, and who was asked for what."""

    def __init__(self, folder: Path, oss: FakeOSS) -> None:
        self.folder, self.oss = folder, oss
        self.asked: list[str] = []
        self.stopped: set[str] = set()

    @contextmanager
    def at(self, name: str) -> Iterator[Path]:
        """Be this machine, with nothing in memory."""
        with being(self.folder, name) as data:
            here.join()
            images._cache = images.ImageCache(images.CACHE_BYTES)
            yield data

    def heal(self) -> None:
        self.oss.heal()
        sharing.forget()

    def keys(self) -> set[str]:
        return set(self.oss.objects)

    def fetch(self, node, kind: str, sha256: str, at_most: int) -> bytes:
        """Stand in for a question over HTTP, which `node_files` has tests of."""
        self.asked.append(node.name)
        if node.name in self.stopped:
            raise asking.NodeAway(node.name)
        folder = self.folder / node.name
        path = folder / "firmware" / sha256 if kind == "firmware" else folder / "outbox" / sha256[:2] / sha256
        if not path.is_file():
            raise asking.NotThere
        return path.read_bytes()


@pytest.fixture
def two(tmp_path, settings, monkeypatch) -> Iterator[Two]:
    """Two machines; the test is none of them until it says so."""
    cold = images.ImageCache(images.CACHE_BYTES)
    monkeypatch.setattr(images, "_cache", cold)
    with FakeOSS() as oss:
        for name, value in oss.settings().items():
            setattr(settings, name, value)
        settings.OSS_PREFIX = ""
        machines = Two(tmp_path, oss)
        monkeypatch.setattr(asking, "fetch", machines.fetch)
        sharing.forget()
        for name in ("a", "b"):
            with machines.at(name):
                pass
        yield machines
        sharing.forget()


def is_there(sha256: str) -> bool:
    """Tell whether the machine that the test is has the file of a picture."""
    return outbox.path_of(sha256).is_file()
