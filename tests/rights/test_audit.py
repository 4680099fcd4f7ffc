"""Every address by which a person changes something writes into the audit log, in the transaction of the change."""

import io
import json
from http.cookies import SimpleCookie

import pytest
from django.db import connection, transaction

from devices.audit.models import AuditEntry
from media_pipeline.live import keeping
from tests.rights import changing, changing_orders
from tests.rights.changing import UNWRITTEN
from tests.rights.operations import API
from tests.rights.table import PAGES, rows
from tests.rights.test_matrix import PREFIX, fill_in
from tests.rights.world import World, make_world

pytestmark = [pytest.mark.thorough, pytest.mark.django_db(transaction=True)]
_NOBODYS = ("proof", "open", "endpoint")


@pytest.fixture(autouse=True)
def _hub(settings, tmp_path, monkeypatch):
    settings.PHOTOHUB_MIRROR, settings.PHOTOHUB_MIRROR_FOLDER = "file", str(tmp_path / "mirror")
    (tmp_path / "mirror").mkdir()
    monkeypatch.setattr(keeping.live_now, "stats_of", lambda codes: {code: object() for code in codes})


def deed(client, world: World, method: str, path: str, body, as_json: bool):
    """Do it, and return what was answered, what was written, and whether it was written in a transaction of its deed."""
    if callable(body):
        body = body(world, path)
    if isinstance(body, tuple):
        path, body = body
    depths: list[int] = []
    save = AuditEntry.save_base

    def noted(self, *args, **options):
        depths.append(len(connection.savepoint_ids))
        return save(self, *args, **options)

    AuditEntry.save_base = noted
    try:
        has_file = any(isinstance(value, io.IOBase) or hasattr(value, "read") for value in body.values())
        if as_json and not has_file:
            answer = client.generic(method, path, json.dumps(body), "application/json")
        else:
            answer = client.post(path, body)
    finally:
        AuditEntry.save_base = save
    return answer, list(AuditEntry.objects.all()), all(depths)


def unwritten(world: World, client, table: dict, head: str, bodies: dict) -> list[str]:
    wrong, world.browser = [], client
    for (method, route), right in table.items():
        if method == "GET" or (right in _NOBODYS and route != "login") or (method, route) in UNWRITTEN:
            continue
        body = bodies.get((method, route) if head == PREFIX else route, {})
        cookies = client.cookies.output(header="", sep=";")
        with transaction.atomic():
            AuditEntry.objects.all().delete()
            path = head + fill_in(route, world, world.yard)
            answer, entries, together = deed(client, world, method, path, body, head == PREFIX)
            fine = entries and together and all(e.person_name == "owner" and e.address for e in entries)
            if not fine:
                wrong.append(f"{method} {route}: {answer.status_code} {entries} together={together}")
            transaction.set_rollback(True)
        client.cookies = SimpleCookie(cookies)
    return wrong


def test_every_page_that_changes_something_writes_into_the_log():
    world = make_world()
    bodies = changing.PAGES_BODIES | changing_orders.PAGES_BODIES
    wrong = unwritten(world, world.client("owner"), rows(PAGES), "/", bodies)
    assert not wrong, "\n".join(wrong)


def test_every_operation_that_changes_something_writes_into_the_log():
    world = make_world()
    bodies = changing.API_BODIES | changing_orders.API_BODIES
    wrong = unwritten(world, world.client("owner"), rows(API), PREFIX, bodies)
    assert not wrong, "\n".join(wrong)


def test_what_is_left_out_is_there():
    assert set(UNWRITTEN) <= set(rows(PAGES)) | set(rows(API))
