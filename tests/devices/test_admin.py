"""The back office: only owners come in, machine-made rows are only read, lists cost few queries."""

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from devices.access.groups import DeviceGroup
from devices.access.models import Membership
from devices.audit.models import AuditEntry
from devices.commands import queue as commands
from devices.commands.models import Command
from devices.events import heartbeats, troubles
from devices.events import record as events
from devices.events.models import Event, EventType, Trouble
from devices.keys import tokens
from devices.registry.models import Device, DeviceKey
from media_pipeline.captures.models import Capture, Tag
from photohub.lib.pages.sentences import said
from tests.builders import PASSWORD, make_capture, make_device, make_user

APPS = ("devices", "media_pipeline", "auth")
# As its addresses do when somebody opens it.
admin.autodiscover()
OURS = [model for model in admin.site._registry if model._meta.app_label in APPS]
READ_ONLY = {
    "capture",
    "ossobject",
    "event",
    "devicekey",
    "apitoken",
    "command",
    "user",
    "sharelink",
    "trouble",
    "auditentry",
    "browsersession",
}


def url_of(model, page: str = "changelist", *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def log_in(name: str, role: str) -> Client:
    client = Client()
    client.force_login(make_user(name, role))
    return client


@pytest.fixture
def alice(db):
    return log_in("alice", "owner")


def fill(first: int, count: int) -> None:
    """Make so many cameras, each with a picture, a command, an event and a token."""
    person = get_user_model().objects.get(username="alice")
    for number in range(first, first + count):
        camera = make_device(f"porch-{number}")
        make_capture(camera, name=f"p{number}")
        commands.capture(camera, user=person)
        troubles.note(camera, "file_refused", detail="a")
        events.record(EventType.NOTICE, device=camera, actor=person, sentence="Something happened.")
        tokens.new_token(person, f"token {number}")
        make_user(f"vera-{number}", "viewer")
        heartbeats.note(f"part {number}", True)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_list_opens_and_costs_the_same_for_many_rows(alice, model):
    costs = []
    for first, count in ((0, 1), (1, 4)):
        fill(first, count)
        with CaptureQueriesContext(connection) as queries:
            assert alice.get(url_of(model)).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_every_table_is_in_the_back_office():
    models = [m for app in ("devices", "media_pipeline") for m in apps.get_app_config(app).get_models()]
    missing = {model.__name__ for model in models} - {model.__name__ for model in OURS}
    # Queues that live for seconds, which links to a first password are the newest, counts and an index that are made from
    # pictures, figures that are drawn, what each person keeps for himself, the tags that stand with each picture, and the
    # groups with each device.
    queues = {"Removal", "DeviceRemoval", "Invitation", "EmptyingOrder", "ChangedHour", "ChangedText"}
    made = {"HourCount", "DayCount", "CountedSpan", "KeptFigure", "TextBlock", "IndexedSpan"}
    made |= {"TelemetrySample", "TelemetryHour", "SummedUp", "DaySize", "CameraSize", "DiskSample"}
    own = {"SavedFilter", "AlertRule", "AlertChannel", "Alert", "AlertMessage", "LoginPlace"}
    assert missing <= queues | made | own | {"Tagging", "DeviceInGroup"}


@pytest.mark.parametrize("role", ["operator", "viewer", ""])
def test_only_owners_come_in(db, role):
    client = log_in("bob", role)
    for url in (reverse("admin:index"), url_of(Capture), url_of(Device)):
        assert client.get(url)["Location"].startswith("/admin/login")


def test_staff_without_a_role_does_not_come_in(db):
    client = log_in("bob", "viewer")
    get_user_model().objects.update(is_staff=True)
    assert client.get(reverse("admin:index")).status_code == 302


def test_an_owner_by_role_comes_in(db):
    client = log_in("bob", "operator")
    Membership.objects.update(role="owner")
    assert client.get(url_of(Device)).status_code == 200


def test_its_own_login_leads_to_the_one_that_asks_for_a_second_factor(db):
    alice = make_user("alice", "owner")
    totp.TOTP.activate(alice, totp.generate_totp_secret())
    client = Client()
    assert client.get("/admin/login/?next=/admin/devices/")["Location"] == "/login?next=/admin/devices/"
    answer = client.post("/admin/login/?next=/admin/", {"username": "alice", "password": PASSWORD})
    assert answer["Location"] == "/login?next=/admin/"
    assert client.get("/account").status_code == 302


def test_its_own_ways_to_log_out_and_to_another_password_are_those_of_the_pages(alice):
    for answer in (
        alice.get("/admin/password_change/"),
        alice.post("/admin/password_change/", {"old_password": PASSWORD, "new_password1": "x"}),
    ):
        assert answer["Location"] == "/account#password"
    alice.post("/admin/logout/")
    assert list(AuditEntry.objects.values_list("word", flat=True)) == ["logged_out"]
    assert alice.get("/account").status_code == 302


@pytest.mark.parametrize(
    "model", [m for m in OURS if m._meta.model_name in READ_ONLY], ids=lambda m: m.__name__
)
def test_what_machines_write_is_only_read(alice, model):
    assert alice.get(url_of(model, "add")).status_code == 403
    fill(0, 1)
    row = model._default_manager.first()
    if row is not None:
        assert alice.get(url_of(model, "change", row.pk)).status_code == 200
        assert alice.post(url_of(model, "change", row.pk), {}).status_code == 403
        assert alice.post(url_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_no_secret_is_shown(alice):
    camera = make_device("porch")
    key = DeviceKey.objects.get(device=camera)
    token, _secret = tokens.new_token(get_user_model().objects.get(), "export")
    pages = [url_of(DeviceKey, "change", key.pk), url_of(type(token), "change", token.pk)]
    pages += [url_of(Device, "change", camera.pk), url_of(get_user_model(), "change", token.user.pk)]
    text = "".join(alice.get(page).text for page in pages)
    assert key.prefix in text
    assert not any(secret in text for secret in (key.sha256, token.sha256, token.user.password))


def test_owners_name_tags(alice):
    alice.post(url_of(Tag, "add"), {"name": "storm"})
    assert Tag.objects.get().name == "storm"


def test_owners_choose_the_groups_of_a_device(alice):
    farm, yard = (DeviceGroup.objects.create(name=name) for name in ("Farm", "Yard"))
    porch = make_device("porch", groups=[farm])
    page = url_of(Device, "change", porch.pk)
    form = alice.get(page).context["adminform"].form
    assert form["groups"].value() == [farm.pk]
    values = {name: form[name].value() for name in form.fields}
    posted = {name: value for name, value in values.items() if value is not None and value is not False}
    answer = alice.post(page, posted | {"groups": [yard.pk], "modules": "{}"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert porch.groups.get() == yard
    assert "Yard" in alice.get(url_of(Device)).text
    assert alice.get(url_of(Device), {"groups__id__exact": farm.pk}).context["cl"].result_count == 0


def test_owner_roles_are_not_made_nor_unmade_here(alice):
    bob, own = make_user("bob", ""), Membership.objects.get()
    alice.post(url_of(Membership, "add"), {"user": bob.pk, "role": "owner", "group": ""})
    assert alice.post(url_of(Membership, "delete", own.pk), {"post": "yes"}).status_code == 403
    assert list(Membership.objects.all()) == [own]


def test_many_roles_are_not_deleted_at_once(alice):
    own = Membership.objects.get()
    ticked = {"action": "delete_selected", "_selected_action": [own.pk], "post": "yes"}
    alice.post(url_of(Membership), ticked)
    assert Membership.objects.filter(pk=own.pk).exists()


def test_only_these_pages_may_evaluate_expressions(alice):
    assert "unsafe-eval" in alice.get("/admin/")["Content-Security-Policy"]
    assert "unsafe-eval" not in alice.get("/account")["Content-Security-Policy"]


def test_what_happened_is_told_in_the_readers_language(alice):
    command = commands.capture(make_device("porch"))
    commands.fail(command, "camera_said", said("The camera says: %(text)s", text="lens cap on"))
    troubles.note(command.device, "picture_disk_full")
    alice.cookies["photohub_language"] = "zh-hans"
    for model in (Command, Event, Trouble):
        with override("en"):  # a request leaves its language behind in the thread
            page = alice.get(url_of(model)).content.decode()
        assert "The camera says" not in page and "disk is full" not in page
        assert "相机回报" in page or "磁盘已满" in page


@pytest.mark.django_db
def test_what_an_owner_changes_in_a_table_is_written_down(client):
    client.force_login(make_user("alice", "owner"))
    group = DeviceGroup.objects.create(name="garden")
    client.post(reverse("admin:devices_devicegroup_change", args=[group.pk]), {"name": "yard"})
    client.post(reverse("admin:devices_devicegroup_add"), {"name": "attic"})
    client.post(reverse("admin:devices_devicegroup_delete", args=[group.pk]), {"post": "yes"})
    entries = AuditEntry.objects.order_by("pk").values_list("person_name", "word", "object_name")
    assert list(entries) == [
        ("alice", "changed", "yard"),
        ("alice", "added", "attic"),
        ("alice", "deleted", "yard"),
    ]
