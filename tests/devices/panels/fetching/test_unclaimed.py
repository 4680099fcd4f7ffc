import time

import pytest

from devices.events.models import Event
from devices.panels.fetching import unclaimed
from devices.panels.fetching.unclaimed import UnclaimedPanel, forget, note, panels
from photohub.lib.http.rates import Buckets

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(unclaimed, "_notices", Buckets(1 / 600, 5))


def ask(number: int, ago_s: float = 0) -> None:
    note(UnclaimedPanel(f"94:A9:90:8C:6D:{number:02X}", "og", "800", "480", time.time() - ago_s))


def test_the_owner_is_told_once_of_each_panel():
    ask(1), ask(1), ask(2)
    assert Event.objects.filter(type="notice").count() == 2
    assert [s.address[-2:] for s in panels()] == ["02", "01"]


def test_made_up_addresses_do_not_bury_the_notices():
    for number in range(40):
        ask(number)
    assert Event.objects.count() == 5 and len(panels()) == 20


def test_a_panel_that_was_added_is_no_longer_unclaimed():
    ask(1)
    forget("94:A9:90:8C:6D:01")
    assert panels() == []


def test_who_asked_yesterday_is_forgotten():
    ask(1, ago_s=25 * 3600)
    assert panels() == []
