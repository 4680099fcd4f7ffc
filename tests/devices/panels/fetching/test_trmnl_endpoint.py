import json

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from devices.events.models import Event
from devices.panels.fetching import trmnl_endpoint as trmnl
from devices.panels.fetching.settings import change_panel
from devices.panels.rendering import profiles as render_profiles
from devices.registry.models import Device
from devices.setup import adding
from photohub.lib.http.rates import Buckets

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "94:A9:90:8C:6D:18"


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(trmnl, "_told", Buckets(1 / 3600, 2))
    render_profiles.offer_ready_made()
    made = adding.add_device(code="desk", name="", profile="panel")
    change_panel(made.device, {"hardware_address": ADDRESS})
    return made


async def get(path: str, **headers) -> dict:
    answer = await AsyncClient().get(path, headers=headers)
    assert answer.status_code == 200 and int(answer["Content-Length"]) < 1024
    return answer.json()


@pytest.mark.parametrize("path", ["/api/setup", "/api/setup/"])
async def test_a_panel_sets_itself_up_and_fetches_its_first_picture(made, path):
    answer = await get(path, ID=ADDRESS, RSSI="-61", FW_Version="1.6.9")
    picture = await AsyncClient().get("/panel" + answer["image_url"].partition("/panel")[2])
    assert (
        answer["status"] == 200 and len(picture.content) == 48062 and picture["Content-Type"] == "image/bmp"
    )
    assert (await sync_to_async(Device.objects.get)()).firmware_version == "1.6.9"


async def test_a_stranger_is_told_what_to_do_and_so_is_the_owner(made):
    answer = await get("/api/setup", ID="94:A9:90:8C:6D:19", Model="og")
    assert answer["status"] == 404 and answer["api_key"] is None and "94:A9:90:8C:6D:19" in answer["message"]
    notice = await sync_to_async(Event.objects.get)(type="notice")
    assert "94:A9:90:8C:6D:19 is asking to be added" in notice.sentence


async def test_a_panel_is_told_what_to_show_and_its_battery_is_kept(made):
    answer = await get("/api/display", Access_Token=made.key, ID=ADDRESS, Battery_Voltage="3.85", RSSI="-70")
    device = await sync_to_async(Device.objects.get)()
    assert answer["status"] == 0 and (device.battery_mv, device.rssi_dbm) == (3850, -70)


@pytest.mark.parametrize("key", ["", "wrong", "kéy"])
async def test_an_unknown_key_is_refused_without_harm(made, key):
    assert (await get("/api/display/", Access_Token=key))["status"] == 202


async def test_a_panel_that_is_switched_off_sleeps(made):
    await sync_to_async(Device.objects.update)(enabled=False)
    assert (await get("/api/display", Access_Token=made.key))["status"] == 202


@pytest.mark.parametrize(
    "body", [{"logs": [{"message": "No memory"}]}, {"log": {"logs_array": [{"log_message": "No memory"}]}}]
)
async def test_what_a_panel_reports_stands_among_its_events(made, body):
    headers = {"Access-Token": made.key}
    answer = await AsyncClient().post(
        "/api/log", json.dumps(body), content_type="application/json", headers=headers
    )
    assert answer.status_code == 200
    assert await sync_to_async(Event.objects.filter(sentence="The panel reports: No memory").count)() == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"logs":[1]}', b'{"log":1}', b"[" * 9000, b"x" * 20000]
)
async def test_a_log_that_cannot_be_read_is_no_error(made, body):
    headers = {"Access-Token": made.key}
    answer = await AsyncClient().post("/api/log", body, content_type="application/json", headers=headers)
    assert answer.status_code == 200


async def test_a_stranger_reports_nothing(made):
    answer = await AsyncClient().post("/api/log", b"{}", content_type="application/json")
    assert answer.status_code == 401
