import asyncio

import pytest
from django.conf import settings
from django.test import Client

from devices.access.groups import DeviceGroup
from devices.keys import tokens
from devices.registry.models import Device
from media_pipeline.live.latest_frame import LatestFrames
from media_pipeline.live.mjpeg import Verdict
from media_pipeline.live.viewing import Viewing
from photohub.lib.ids import new_id
from tests.builders import make_device, make_jpeg, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def with_cookie(user) -> dict:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    return {"headers": [(b"cookie", cookie.encode())]}


def with_token(user, *scopes: str) -> dict:
    _token, secret = tokens.new_token(user, "program", list(scopes))
    return {"headers": [(b"authorization", f"Bearer {secret}".encode())]}


async def ask(make_scope, code: str | None, *streaming: str) -> Verdict:
    frames = LatestFrames()
    for name in streaming:
        frames.put(name, make_jpeg())
    return await Viewing(frames).authorise(await asyncio.to_thread(make_scope), code)


def viewer() -> dict:
    make_device("pi"), make_device("barn")
    return with_cookie(make_user("vera", "viewer"))


async def test_a_session_may_look():
    assert await ask(viewer, "pi") == Verdict(200, "pi")


async def test_a_token_may_look_and_one_without_the_scope_may_not():
    assert (
        await ask(lambda: (make_device("pi"), with_token(make_user("v", "viewer")))[1], "pi")
    ).status == 200
    assert (await ask(lambda: with_token(make_user("w", "viewer"), "command"), "pi")).status == 404


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer nonsense")], [(b"cookie", b"x=y")]])
async def test_a_stranger_may_not(headers):
    assert (await ask(lambda: {"headers": headers}, "pi")).status == 401


async def test_a_wrong_token_is_not_made_good_by_a_session():
    def scope() -> dict:
        return {"headers": [*viewer()["headers"], (b"authorization", b"Bearer nonsense")]}

    assert (await ask(scope, "pi")).status == 401


async def test_a_camera_of_another_group_does_not_exist():
    assert (await ask(lambda: (make_device("pi"), with_cookie(make_user("m")))[1], "pi")).status == 404


async def test_a_camera_of_several_groups_is_seen_by_the_people_of_each_and_no_more_when_it_leaves():
    def scope(group: str) -> dict:
        people = DeviceGroup.objects.get(name=group)
        return with_cookie(make_user(f"of-{group}-{new_id()}", "viewer", people))

    def make() -> Device:
        groups = [DeviceGroup.objects.create(name=name) for name in ("yard", "house", "attic")]
        return make_device("pi", groups=groups[:2])

    camera = await asyncio.to_thread(make)
    asked = [(await ask(lambda g=g: scope(g), "pi")).status for g in ("yard", "house", "attic")]
    assert asked == [200, 200, 404]
    await camera.groups.aremove(await DeviceGroup.objects.aget(name="yard"))
    assert [(await ask(lambda g=g: scope(g), "pi")).status for g in ("yard", "house")] == [404, 200]


async def test_a_wall_shows_a_camera_of_two_groups_once():
    def scope() -> dict:
        groups = [DeviceGroup.objects.create(name=name) for name in ("yard", "house")]
        make_device("pi", groups=groups), make_device("barn")
        vera = make_user("vera", "viewer", groups[0])
        vera.memberships.create(role="viewer", group=groups[1])
        return with_cookie(vera)

    assert await Viewing(LatestFrames()).codes_of(await asyncio.to_thread(scope)) == {"pi"}


async def test_the_default_is_the_only_camera_that_streams():
    assert await ask(viewer, None, "barn") == Verdict(200, "barn")


async def test_without_one_stream_the_default_says_what_to_do():
    both = await ask(viewer, None, "barn", "pi")
    none = await Viewing(LatestFrames()).authorise(await asyncio.to_thread(again), None)
    assert (both.status, none.status) == (404, 404)
    assert "Several" in both.sentence and "No camera" in none.sentence


def again() -> dict:
    return with_cookie(make_user("vic", "viewer"))


async def test_a_camera_that_is_switched_off_is_not_shown():
    def scope() -> dict:
        made = viewer()
        Device.objects.update(enabled=False)
        return made

    verdict = await ask(scope, "pi")
    assert verdict.status == 404 and "turned off" in verdict.sentence


async def test_a_wall_is_told_the_cameras_that_its_viewer_may_see():
    def scope() -> dict:
        make_device("off", enabled=False)
        return viewer()

    made = await asyncio.to_thread(scope)
    assert await Viewing(LatestFrames()).codes_of(made) == {"pi", "barn"}
    assert await Viewing(LatestFrames()).codes_of({"headers": []}) is None
