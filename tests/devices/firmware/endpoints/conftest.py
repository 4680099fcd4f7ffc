"""A running firmware application for the tests of its endpoints."""

import httpx
import pytest

from devices.firmware.endpoints import call, download
from devices.firmware.endpoints import endpoint as firmware
from devices.firmware.endpoints.transfer import tokens
from photohub.lib.http.guessing import FailedTries
from tests.servers import running_asgi


@pytest.fixture
def endpoint(monkeypatch, settings):
    """Serve the endpoints, with nothing remembered from another test."""
    settings.LINK_CHECK = False
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    monkeypatch.setattr(call, "_FAILED_TRIES", FailedTries(per_second=10, burst=50))
    monkeypatch.setattr(download, "_progress", download.Progress())
    tokens.forget()
    with running_asgi(firmware.application) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client
