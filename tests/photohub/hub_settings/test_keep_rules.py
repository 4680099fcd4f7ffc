from datetime import timedelta

import pytest
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.events.models import Event
from devices.hub_settings import values
from media_pipeline.captures.models import Capture
from media_pipeline.keep_rules.models import KeepRule
from media_pipeline.maintenance import retention
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db
ADDRESS = "/settings/retention/of"


@pytest.fixture(autouse=True)
def _read_anew():
    values.forget()
    yield
    values.forget()


@pytest.fixture
def alice(client):
    client.force_login(make_user("alice", "owner"))
    return client


def make_old(device, days: int) -> Capture:
    return make_capture(device, name=f"p{days}", received_at=timezone.now() - timedelta(days=days))


def test_what_a_cameras_limit_takes_is_shown_and_then_kept(alice):
    porch = make_device(name="Porch")
    make_old(porch, 50)
    make_old(make_device("barn"), 50)
    form = {"whose": "porch", "days": 30}
    page = " ".join(alice.post(ADDRESS, form | {"deed": "apply"}).content.decode().split())
    assert "1 picture (" in page and not KeepRule.objects.exists()
    seen = {"deed": "apply", "seen": "porch 30"}
    page = alice.post(ADDRESS, form | seen, follow=True).content.decode()
    assert "Pictures of Porch are deleted after 30 days." in page and "Take back" in page
    assert Event.objects.filter(sentence="Pictures of Porch are deleted after 30 days.").exists()
    alice.post(f"{ADDRESS}/{KeepRule.objects.get().pk}/end")
    assert "Pictures of Porch are" not in alice.get("/settings").content.decode()


def test_a_groups_limit_takes_nothing_of_cameras_that_have_their_own(alice):
    yard = DeviceGroup.objects.create(name="yard")
    porch, barn = make_device("porch", group=yard), make_device("barn", group=yard)
    for camera in (porch, barn):
        make_old(camera, 50)
    KeepRule.objects.create(device=porch, keep_days=0)
    page = alice.post(ADDRESS, {"whose": "Yard", "days": 30}).content.decode()
    assert "1 picture (" in " ".join(page.split())


def test_retention_goes_by_the_limit_of_each_camera(settings):
    settings.KEEP_DAYS = 30
    porch, barn, lake = (make_device(code) for code in ("porch", "barn", "lake"))
    for camera in (porch, barn, lake):
        make_old(camera, 50)
        make_old(camera, 5)
    KeepRule.objects.create(device=porch, keep_days=0)
    KeepRule.objects.create(device=lake, keep_days=2)
    assert retention.retain() == (3, 0)
    left = Capture.objects.values_list("device__code", "name")
    assert sorted(left) == [("barn", "p5"), ("porch", "p5"), ("porch", "p50")]


def test_the_hubs_limit_is_looked_at_without_cameras_of_another(alice):
    porch, barn = make_device("porch"), make_device("barn")
    for camera in (porch, barn):
        make_old(camera, 50)
    KeepRule.objects.create(device=porch, keep_days=365)
    page = alice.post("/settings/retention", {"keep_days": 30, "keep_gb": 0}).content.decode()
    assert "1 picture (" in " ".join(page.split())


@pytest.mark.parametrize("form", [{}, {"whose": "no-such", "days": 5}, {"whose": "porch", "days": -1}])
def test_a_wrong_limit_is_told_at_its_field(alice, form):
    make_device("porch")
    answer = alice.post(ADDRESS, form)
    assert answer.status_code == 422 and "field__error" in answer.content.decode()
    assert alice.post(f"{ADDRESS}/77/end").status_code == 404
