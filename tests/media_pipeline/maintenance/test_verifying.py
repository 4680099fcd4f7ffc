"""Finding exactly what is damaged."""

import os
import time
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.db import transaction

from media_pipeline.captures.models import Capture
from media_pipeline.maintenance import verifying
from media_pipeline.maintenance.models import Removal
from media_pipeline.maintenance.verifying import Scope, verify
from media_pipeline.mirror.models import OSSObject
from media_pipeline.picture_files import store
from tests.builders import make_capture, make_device
from tests.devices.firmware.builders import flip_byte
from tests.devices.firmware.builders import store as store_firmware

pytestmark = pytest.mark.django_db


def fill(count: int) -> list[Capture]:
    """Store so many pictures past the endpoints, which would take long."""
    model, rows = make_capture(make_device("porch")), []
    data = store.full_path(model.path).read_bytes()
    for number in range(count - 1):
        id_ = uuid4()
        path = store.picture_path(id_, "porch", model.received_at, "jpg")
        store.full_path(path).write_bytes(data)
        rows.append(Capture(**(facts_of(model) | {"id": id_, "path": path, "name": str(number)})))
    Capture.objects.bulk_create(rows)
    return list(Capture.objects.order_by("pk"))


def facts_of(model: Capture) -> dict:
    names = ("device_id", "source", "sha256", "size_bytes", "content_type", "received_at", "stored_at")
    return {name: getattr(model, name) for name in names}


QUICK = Scope()


def found(scope: Scope = QUICK) -> dict[str, str]:
    return {finding.path: finding.kind for finding in verify(scope)}


def age(path) -> str:
    then = time.time() - 2 * verifying.YOUNG_S
    os.utime(path, (then, then))
    return str(path)


def flip(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def damage(captures: list[Capture]) -> dict[str, str]:
    """Damage ten things; returns path → what must be found."""
    chosen, expected = [captures[i * 100] for i in range(9)], {}
    for capture, kind in zip(chosen, ["missing", "changed", "wrong_size"] * 3, strict=True):
        path = store.full_path(capture.path)
        {
            "missing": path.unlink,
            "changed": lambda p=path: flip(p),
            "wrong_size": lambda p=path: os.truncate(p, 99),
        }[kind]()
        expected[capture.path] = kind
    extra = store.picture_path(uuid4(), "porch", chosen[0].received_at, "jpg")
    store.full_path(extra).write_bytes(b"extra")
    age(store.full_path(extra))
    return expected | {extra: "extra"}


def test_ten_damages_among_a_thousand_are_found_and_nothing_else():
    captures = fill(1000)
    assert found(Scope(deep=True)) == {}
    expected = damage(captures)
    assert found(Scope(deep=True)) == expected
    assert found() == {path: kind for path, kind in expected.items() if kind != "changed"}


def test_it_needs_the_same_few_queries_for_each_batch(django_assert_max_num_queries):
    fill(verifying._BATCH * 2)
    with django_assert_max_num_queries(12):
        assert found() == {}


def test_a_missing_picture_folder_is_one_finding(settings):
    make_capture(make_device())
    settings.PICTURES_DIR = settings.PICTURES_DIR / "unmounted"
    assert list(found().values()) == ["folder_missing"]


def test_a_young_file_may_still_get_its_row_and_an_old_upload_is_an_orphan():
    young = store.full_path("porch/notes.txt")
    young.parent.mkdir()
    young.write_bytes(b"x")
    (configured.INCOMING_DIR / "in-young").write_bytes(b"x")
    old = configured.INCOMING_DIR / "in-old"
    old.write_bytes(b"x")
    assert found() == {}
    assert {age(old): "orphan"} == found()


def test_a_file_whose_removal_waits_is_not_extra():
    capture = make_capture(make_device())
    Removal.objects.create(capture_id=capture.pk, path=capture.path)
    Capture.objects.all().delete()
    age(store.full_path(capture.path))
    assert found() == {}


def test_a_thumbnail_that_is_gone_is_found():
    capture = make_capture(make_device(), thumbnail_state="done")
    assert found() == {capture.path: "no_thumbnail"}


def test_copies_are_asked_for_by_size(settings, tmp_path):
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    first, second, third = (make_capture(make_device(code)) for code in ("one", "two", "three"))
    OSSObject.objects.update(state="mirrored")
    for capture, data in ((first, store.full_path(first.path).read_bytes()), (second, b"short")):
        copy = tmp_path / "mirror" / capture.path
        copy.parent.mkdir(parents=True)
        copy.write_bytes(data)
    assert found(Scope(mirror=True)) == {second.path: "mirror_size", third.path: "mirror_missing"}


def test_a_freed_file_is_not_missing_but_an_unmirrored_one_is():
    capture = make_capture(make_device())
    store.full_path(capture.path).unlink()
    OSSObject.objects.update(state="mirrored", local_freed_at=capture.received_at)
    assert found() == {}
    OSSObject.objects.update(state="failed")
    assert found() == {capture.path: "missing"}


def test_a_picture_deleted_meanwhile_is_not_missing(monkeypatch):
    capture = make_capture(make_device())
    walk = list(verifying.walk_captures())
    monkeypatch.setattr(verifying, "walk_captures", lambda: walk)
    store.full_path(capture.path).unlink()
    with transaction.atomic():
        Capture.objects.all().delete()
    assert found() == {}


def test_firmware_is_looked_at_too():
    row = store_firmware()
    flip_byte(row)
    assert found() == {}
    assert found(Scope(deep=True)) == {f"firmware/{row.sha256}": "firmware_changed"}
    (configured.FIRMWARE_DIR / row.sha256).unlink()
    assert found() == {f"firmware/{row.sha256}": "firmware_missing"}
