import pytest
from django.utils import timezone

from devices.telemetry.models import TelemetrySample
from photohub.lib.pages import vendor
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def porch(client):
    client.force_login(make_user("alice", "owner"))
    return make_device(name="Porch")


def say(device, **values) -> None:
    TelemetrySample.objects.create(device=device, minute=int(timezone.now().timestamp()) // 60, **values)


def test_what_a_device_told_is_drawn_and_stands_in_a_table(client, porch):
    say(porch, battery_mv=3900)
    make_capture(porch)
    page = client.get("/devices/porch/plots/?range=day").content.decode()
    assert 'data-plot="battery_percent"' in page and 'data-plot="pictures"' in page
    assert 'data-plot="battery_mv"' not in page and 'data-plot="rssi_dbm"' not in page
    assert "68 %" in page and 'data-plots="/api/v1/devices/porch/plots?range=day"' in page


def test_the_drawing_library_is_loaded_on_this_page_and_on_no_other(client, porch):
    say(porch, battery_mv=3900)
    assert "vendor/uplot.min" in client.get("/devices/porch/plots/").content.decode()
    assert "uplot" not in client.get("/devices/porch/").content.decode()


def test_without_npm_there_are_tables(client, porch, monkeypatch):
    monkeypatch.setattr(vendor, "is_there", lambda _name: False)
    say(porch, battery_mv=3900)
    page = client.get("/devices/porch/plots/").content.decode()
    assert "uplot" not in page and "68 %" in page


def test_a_new_device_is_told_how_to_fill_it(client, porch):
    page = client.get("/devices/porch/plots/").content.decode()
    assert "Nothing to draw" in page and "uplot.min.js" not in page


def test_a_table_is_a_file_with_a_name(client, porch):
    say(porch, battery_mv=3900)
    answer = client.get("/devices/porch/plots/figures.csv?range=day")
    assert (
        answer["Content-Type"] == "text/csv; charset=utf-8"
        and "porch-figures-" in answer["Content-Disposition"]
    )
    assert answer.content.decode("utf-8-sig").splitlines()[1].endswith(",68")
    assert client.get("/devices/porch/plots/other.csv").status_code == 404
