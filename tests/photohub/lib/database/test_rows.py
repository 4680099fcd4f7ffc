import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.events.models import Event, EventType
from media_pipeline.captures.models import Capture, Source
from media_pipeline.mirror.models import OSSObject
from photohub.lib.database import rows
from photohub.lib.ids import new_id
from tests.builders import make_device

pytestmark = pytest.mark.django_db


def make_unsaved(device, **values) -> Capture:
    now = timezone.now()
    facts = {"name": "门口", "source": Source.HTTP, "path": "a/b.jpg", "sha256": "0" * 64, "size_bytes": 1}
    return Capture(
        device=device, content_type="image/jpeg", received_at=now, stored_at=now, **{**facts, **values}
    )


def test_rows_read_back_as_they_were_written():
    capture = make_unsaved(
        make_device(), flags=["truncated"], telemetry={"battery_mv": "1"}, captured_at=timezone.now()
    )
    rows.insert([capture, make_unsaved(capture.device, name="b")])
    stored = Capture.objects.get(pk=capture.pk)
    for field in Capture._meta.concrete_fields:
        assert getattr(stored, field.attname) == getattr(capture, field.attname), field.name


def test_what_the_orm_would_write_is_what_is_written():
    device = make_device()
    ours, orms = make_unsaved(device), make_unsaved(device, name="orm")
    rows.insert([ours])
    Capture.objects.bulk_create([orms])
    assert Capture.objects.filter(received_at=ours.received_at, kept=False, captured_at=None).count() == 1
    assert Capture.objects.filter(flags=[], telemetry={}).count() == 2


def test_a_key_that_points_elsewhere_is_written():
    capture = make_unsaved(make_device())
    rows.insert([capture])
    rows.insert([OSSObject(capture=capture, key="k")])
    assert OSSObject.objects.get(capture__device__code="porch").key == "k"


def test_numbered_rows_get_their_numbers_in_order():
    device = make_device()
    events = [Event(type=EventType.CAPTURE_CREATED, device=device, subject=new_id()) for _ in range(5)]
    rows.insert_numbered(events)
    assert [e.pk for e in events] == sorted(e.pk for e in events)
    for event in events:
        assert Event.objects.get(pk=event.pk).subject == event.subject


def test_nothing_to_insert_is_no_error():
    rows.insert([])
    rows.insert_numbered([])


def test_rows_get_values_of_their_own_when_the_condition_holds():
    device, now = make_device(), timezone.now()
    captures = [make_unsaved(device, name=name) for name in "abc"]
    rows.insert(captures)
    rows.insert([OSSObject(capture=c, key=c.name, lease=c.pk if c.name != "c" else None) for c in captures])
    changes = [(f"etag-{c.name}", now, None, c.pk, c.pk) for c in captures]
    rows.update(OSSObject, ("etag", "mirrored_at", "lease"), ("capture", "lease"), changes)
    stored = [(o.etag, o.mirrored_at, o.lease) for o in OSSObject.objects.order_by("key")]
    assert stored == [("etag-a", now, None), ("etag-b", now, None), ("", None, None)]


@pytest.mark.parametrize("model", [Capture, Event, OSSObject])
def test_a_quick_instance_is_what_the_model_would_make(model):
    device, now = make_device(), timezone.now()
    capture = make_unsaved(device)
    given = {
        Capture: {"device": device, "name": "a", "received_at": now, "stored_at": now, "flags": ["x"]},
        Event: {"type": EventType.NOTICE, "device": device, "subject": new_id(), "at": now},
        OSSObject: {"capture": capture, "key": "k", "next_try_at": now, "created_at": now},
    }[model]
    if model is Capture:
        given |= {"id": new_id(), "code": "abc"}
    quick, usual = rows.new(model, **given), model(**given)
    for field in model._meta.concrete_fields:
        assert getattr(quick, field.attname) == getattr(usual, field.attname), field.name
        assert not field.is_relation or getattr(quick, field.name) == getattr(usual, field.name)
    assert quick._state.adding and quick.pk == usual.pk


def test_quick_instances_share_no_values():
    first, second = rows.new(Capture), rows.new(Capture)
    first.telemetry["a"] = 1
    assert second.telemetry == {} and first.pk != second.pk


def test_many_rows_go_in_parts_that_a_database_takes(monkeypatch):
    monkeypatch.setattr(rows, "_MARKS_AT_MOST", 100)
    device = make_device()
    rows.insert([make_unsaved(device, name=str(number)) for number in range(20)])
    assert Capture.objects.count() == 20


def test_a_refusal_of_the_database_is_djangos_error_inside_a_transaction():
    capture = make_unsaved(make_device())
    rows.insert([capture])
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert([capture])
