import pytest
from django.core.exceptions import ValidationError

from devices.access.groups import DeviceGroup
from media_pipeline.alerts import queue, rules
from media_pipeline.alerts.models import Alert, AlertRule
from photohub.lib.pages.sentences import said
from tests.builders import make_device, make_user
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def hook(owner):
    return make_webhook(owner, "https://example.org/a")


def faults(user, channels, **values) -> set[str]:
    values = {"kind": "silent", "threshold": 600} | values
    with pytest.raises(ValidationError) as refusal:
        rules.save_rule(values, channels, user)
    return set(refusal.value.error_dict)


def test_what_a_rule_must_obey(owner, hook):
    device, group = make_device("porch"), DeviceGroup.objects.create(name="yard")
    assert faults(owner, [hook], kind="no-such-kind") == {"kind"}
    assert faults(owner, [hook], threshold=1) == {"threshold"}
    assert faults(owner, [hook], device=device, group=group) == {"device"}
    assert faults(owner, [hook], quiet_from=60) == {"quiet_until"}
    assert faults(owner, [hook], quiet_from=60, quiet_until=60) == {"quiet_until"}
    assert faults(owner, [hook], pause_s=10**6) == {"pause_s"}
    assert faults(owner, []) == {"channels"}


def test_nobody_is_told_by_anothers_channel(owner, hook):
    viewer = make_user("vera", "viewer")
    assert faults(viewer, [hook]) == {"channels"}


def test_nobody_is_told_of_what_he_cannot_see():
    viewer = make_user("vera", "viewer", DeviceGroup.objects.create(name="yard"))
    channel = make_webhook(viewer, "https://example.org/a")
    assert faults(viewer, [channel], device=make_device("porch")) == {"device"}
    assert faults(viewer, [channel], group=DeviceGroup.objects.create(name="house")) == {"group"}


def test_a_rule_that_means_something_else_begins_anew(owner, hook):
    rule = make_rule(owner, hook)
    queue.begin(rule, "a", said("It works."))
    rules.save_rule({"quiet_from": 0, "quiet_until": 60}, None, owner, rule)
    assert Alert.objects.open().exists()
    rules.save_rule({"threshold": 1200}, None, owner, rule)
    assert not Alert.objects.open().exists()
    assert list(rule.channels.all()) == [hook]


def test_a_field_that_nobody_knows_is_a_fault_of_ours(owner, hook):
    with pytest.raises(KeyError):
        rules.save_rule({"user": owner}, [hook], owner)


def test_what_a_rule_told_goes_with_it(owner, hook):
    rule = make_rule(owner, hook)
    queue.begin(rule, "a", said("It works."))
    rules.delete_rule(rule)
    assert not AlertRule.objects.exists() and not Alert.objects.exists()


def test_rules_are_few(owner, hook, monkeypatch):
    monkeypatch.setattr(rules, "RULES_AT_MOST", 1)
    make_rule(owner, hook)
    assert faults(owner, [hook]) == {"kind"}
