import pytest

from devices.access.groups import DeviceGroup
from media_pipeline.alerts import queue
from media_pipeline.alerts.models import AlertRule
from photohub.accounts.people import give_role
from photohub.lib.pages.sentences import said
from tests.builders import make_device, make_program, make_user
from tests.media_pipeline.alerts.making import make_rule, make_webhook
from tests.media_pipeline.alerts.receivers import http_receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def program(owner):
    return make_program(owner)


def post(program, path: str, **values):
    return program.post(f"/api/v1{path}", values, content_type="application/json")


def test_a_program_makes_a_channel_tests_it_and_has_a_rule_tell_by_it(program):
    make_device("porch")
    with http_receiver() as receiver:
        channel = post(program, "/alerts/channels", kind="webhook", address=receiver.url).json()
        assert channel["secret"].startswith("whsec_") and channel["shown"] == "127.0.0.1"
        told = post(program, f"/alerts/channels/{channel['id']}/test").json()
    assert told == {"sent": True, "answer": "127.0.0.1 answered 200: thanks"}
    wish = {"kind": "silent", "threshold": 600, "device": "porch", "channels": [channel["id"]]}
    rule = post(program, "/alerts/rules", **wish).json()
    assert (rule["device"], rule["whose"], rule["channels"]) == ("porch", "me", [channel["id"]])
    address = f"/api/v1/alerts/rules/{rule['id']}"
    changed = program.patch(address, {"enabled": False}, content_type="application/json").json()
    assert (changed["enabled"], changed["threshold"]) == (False, 600)
    assert program.delete(address).status_code == 204
    assert program.delete(f"/api/v1/alerts/channels/{channel['id']}").status_code == 204


def test_what_is_wrong_is_said_by_field(program):
    answer = post(program, "/alerts/rules", kind="silent", threshold=600, channels=["no-such"])
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"channels"})
    answer = post(program, "/alerts/channels", kind="service", address="syslog://")
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"address"})


def test_what_was_told_is_listed_without_addresses(program):
    made = post(
        program, "/alerts/channels", kind="webhook", address="https://example.org/hidden", whose="hub"
    )
    wish = {"kind": "silent", "threshold": 600, "whose": "hub", "channels": [made.json()["id"]]}
    rule = AlertRule.objects.get(pk=post(program, "/alerts/rules", **wish).json()["id"])
    queue.begin(rule, "a", said("It works."), device=make_device("porch"))
    [alert] = program.get("/api/v1/alerts").json()["items"]
    assert (alert["text"], alert["device"], alert["told"][0]["state"]) == ("It works.", "porch", "waiting")
    lists = [program.get(f"/api/v1/alerts/{name}").content.decode() for name in ("channels", "rules")]
    assert all("hidden" not in text for text in lists)


def test_who_lost_his_right_reads_nothing_new(program, owner):
    yard = DeviceGroup.objects.create(name="yard")
    bob = make_user("bob", "viewer", yard)
    hook = make_webhook(bob, "https://example.org/")
    make_rule(bob, hook, group=yard)
    give_role(bob, "viewer", DeviceGroup.objects.create(name="house"))
    DeviceGroup.objects.filter(pk=yard.pk).update(name="a secret")
    assert make_program(bob).get("/api/v1/alerts/rules").json()["items"][0]["group"] == ""
    rule = make_rule(owner, make_webhook(owner, "https://example.org/"), "hub")
    queue.begin(rule, "mirror", said("The mirror has trouble."))
    assert len(program.get("/api/v1/alerts").json()["items"]) == 1
    give_role(owner, "viewer", None)
    assert make_program(owner).get("/api/v1/alerts").json()["items"] == []
    login = make_rule(owner, make_webhook(owner, "https://example.org/2"), "login")
    queue.begin(login, "login:1", said("A login."), lasts=False)
    assert len(make_program(owner).get("/api/v1/alerts").json()["items"]) == 1
