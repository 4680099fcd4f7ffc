import asyncio
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.events.models import Trouble
from devices.keys import identity
from devices.mqtt import dynsec
from devices.registry import broker_accounts
from devices.registry.models import BrokerAccount
from photohub.lib.database.db import in_thread
from tests.builders import make_device, make_user


@pytest.fixture(autouse=True)
def _outside_broker(settings):
    settings.MQTT_URL, settings.MQTT_DYNSEC = "mqtt://hub:pw@broker:1883", True


@pytest.mark.django_db
def test_a_claimed_account_is_claimed_once_and_its_secret_wiped():
    make_device("gate")
    [claimed] = dynsec.claim_due("hub")
    assert claimed.wanted.secret and claimed.wanted.publish
    assert dynsec.claim_due("hub") == []
    dynsec.note_done(claimed)
    row = BrokerAccount.objects.get()
    assert (row.state, row.secret_encrypted) == (BrokerAccount.State.SYNCED, None)


@pytest.mark.django_db
def test_a_key_issued_meanwhile_is_not_wiped():
    device = make_device("gate")
    [claimed] = dynsec.claim_due("hub")
    key = identity.issue_key(device)
    dynsec.note_done(claimed)
    [again] = dynsec.claim_due("hub")
    assert again.wanted.secret == key


@pytest.mark.django_db
def test_a_refused_account_waits_and_says_why():
    make_device("gate")
    [claimed] = dynsec.claim_due("hub")
    dynsec.note_failed(claimed, "Internal error")
    row = BrokerAccount.objects.get()
    assert row.error == "Internal error"
    assert row.next_try_at > timezone.now() + timedelta(seconds=3)
    assert Trouble.objects.open().get().word == "account_failed"
    dynsec.note_done(claimed)
    assert not Trouble.objects.open().exists()


@pytest.mark.django_db
def test_the_hubs_own_account_is_never_touched():
    # A device of an older hub, which let it have that name.
    make_device("gate")
    BrokerAccount.objects.update(username="hub")
    assert dynsec.claim_due("hub") == []
    assert "hub itself" in BrokerAccount.objects.get().error


@pytest.mark.django_db
def test_revoking_the_newest_of_two_keys_ends_the_account():
    device = make_device("gate")
    identity.issue_key(device)
    identity.revoke_key(device.keys.first())
    [claimed] = dynsec.claim_due("hub")
    assert not claimed.wanted.exists
    dynsec.note_done(claimed)
    assert BrokerAccount.objects.get().state == BrokerAccount.State.NEEDS_KEY


@pytest.mark.django_db
def test_a_person_named_like_a_device_does_not_get_its_account():
    device = make_device("gate")
    broker_accounts.want_person(make_user("gate", "viewer"), "token")
    assert BrokerAccount.objects.get().device == device


@pytest.mark.django_db
def test_comparing_finds_lost_and_left_over_accounts():
    make_device("gate")
    dynsec.note_done(dynsec.claim_due("hub")[0])
    assert dynsec.compare_with({"sold"}) == ["sold"]
    assert BrokerAccount.objects.get().state == BrokerAccount.State.PENDING


def bring_in_step() -> list[str]:
    """Tell a broker that takes everything; return whose accounts it was told of."""
    claimed = dynsec.claim_due("hub")
    for item in claimed:
        dynsec.note_done(item)
    return sorted(item.row.username for item in claimed)


@pytest.mark.django_db
def test_a_person_is_told_again_when_his_devices_change():
    make_device("gate")
    broker_accounts.want_person(make_user("bea", "viewer"), "token")
    bring_in_step()
    assert dynsec.ask_for_changed_people() == 0
    make_device("yard")
    bring_in_step()
    assert dynsec.ask_for_changed_people() == 1
    assert bring_in_step() == ["bea"]


@pytest.mark.django_db
def test_accounts_of_an_older_hub_learn_the_topics_that_came_since():
    for code in ("gate", "yard"):
        make_device(code)
    bring_in_step()
    assert dynsec.ask_for_changed_roles() == 0
    BrokerAccount.objects.filter(username="gate").update(role_fingerprint="")
    assert dynsec.ask_for_changed_roles() == 1
    assert bring_in_step() == ["gate"]
    assert dynsec.ask_for_changed_roles() == 0


@pytest.mark.django_db
def test_a_device_with_new_topics_is_found_by_its_role(monkeypatch):
    make_device("gate")
    bring_in_step()
    monkeypatch.setattr(dynsec.addressing, "rights_of", lambda device: (["photohub/gate/new"], []))
    assert dynsec.ask_for_changed_roles() == 1
    assert dynsec.claim_due("hub")[0].wanted.publish == ("photohub/gate/new",)


@pytest.mark.django_db
def test_of_several_gateways_each_tells_the_accounts_of_its_own_devices_and_any_those_of_people():
    for code in ("gate", "pond"):
        make_device(code)
    broker_accounts.want_person(make_user("ada", "viewer"), "token")
    told = [claimed.row.username for claimed in dynsec.claim_due("hub", lambda code: code == "pond")]
    assert sorted(told) == ["ada", "pond"]
    assert [claimed.row.username for claimed in dynsec.claim_due("hub", lambda code: code == "gate")] == [
        "gate"
    ]


@pytest.mark.django_db(transaction=True)
async def test_a_device_is_told_to_the_broker_only_when_the_hub_listens_to_it(monkeypatch):
    monkeypatch.setattr(dynsec, "_LISTENED_WITHIN_S", 0.05)
    await asyncio.to_thread(make_device, "gate")
    heard, listens = [], asyncio.Event()

    async def listen(devices):
        heard.extend(device.code for device in devices)
        await listens.wait()

    accounts = dynsec.Accounts(SilentLink(), "hub", listen=listen)
    claimed = await in_thread(dynsec.claim_due, "hub")
    assert not await accounts._is_heard(claimed) and heard == ["gate"]
    row = await in_thread(BrokerAccount.objects.get)
    assert (row.state, row.next_try_at < timezone.now() + timedelta(seconds=10)) == ("pending", True)
    listens.set()
    assert await accounts._is_heard(claimed)


class SilentLink:
    """A broker that answers nothing; what it was told is kept."""

    def __init__(self) -> None:
        self.said: list[dict] = []

    async def publish(self, topic: str, payload: bytes) -> None:
        self.said.append(json.loads(payload))


async def test_a_silent_broker_is_named(monkeypatch):
    monkeypatch.setattr(dynsec, "_ANSWER_WITHIN_S", 0.05)
    link = SilentLink()
    with pytest.raises(dynsec.BrokerSilent, match="dynamic-security"):
        await dynsec.Accounts(link, "hub").look_once()
    assert link.said[0]["commands"][0]["command"] == "listRoles"
