"""A hub's clock that stands still until a test sets it."""

from unittest import mock

import pytest
from django.utils import timezone

from devices.schedules import queue
from tests.devices.schedules.builders import START


@pytest.fixture
def clock(monkeypatch):
    """The hub's clock, which stands still until a test sets it."""
    clock = mock.Mock(return_value=START)
    monkeypatch.setattr(timezone, "now", clock)
    monkeypatch.setattr(queue._pace, "is_steady", lambda: True)
    return clock
