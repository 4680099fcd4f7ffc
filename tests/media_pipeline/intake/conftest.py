"""The upload endpoint, served."""

import httpx
import pytest

from devices.setup import adding
from media_pipeline.intake import endpoint as upload
from photohub.lib.http.guard import GuardedHttp
from tests.servers import running_asgi


@pytest.fixture
def _no_limits(monkeypatch):
    monkeypatch.setattr(upload, "_DEVICES", None)
    monkeypatch.setattr(upload, "_ADDRESSES", None)
    upload._keys.forget()
    monkeypatch.setattr(upload, "_FAILED_TRIES", upload.FailedTries(per_second=10, burst=50))


@pytest.fixture
def endpoint(_no_limits):
    with running_asgi(upload.application) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
def real_endpoint(_no_limits):
    """Behind the server's own HTTP, with which a client that closed its side is still answered."""
    with running_asgi(upload.application, GuardedHttp) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture
def porch():
    return adding.add_device(code="porch", name="Porch", profile="generic")
