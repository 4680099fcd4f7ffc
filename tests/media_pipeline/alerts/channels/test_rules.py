import pytest
from django.core.exceptions import ValidationError

from media_pipeline.alerts.channels import rules
from tests.builders import make_user

pytestmark = pytest.mark.django_db


def faults(make, *arguments, **more) -> set[str]:
    with pytest.raises(ValidationError) as refusal:
        make(*arguments, **more)
    return set(getattr(refusal.value, "error_dict", {"": None}))


def test_what_a_webhook_must_obey():
    owner = make_user("olga", "owner")
    for address in ("ftp://x", "https://", "https://ü.example.org/", "https://a:b@example.org/"):
        assert faults(rules.add_webhook, owner, "n", address, "en", for_hub=False) == {"address"}
    good = "https://example.org/"
    assert faults(rules.add_webhook, owner, "n", good, "en", for_hub=False, secret="short") == {"secret"}


def test_channels_of_the_hub_are_of_owners():
    viewer = make_user("vera", "viewer")
    assert faults(rules.add_webhook, viewer, "n", "https://example.org/", "en", for_hub=True) == {""}
    assert faults(rules.add_service, viewer, "n", "json://example.org", "", "en", for_hub=False) == {
        "address"
    }


def test_channels_are_few(monkeypatch):
    monkeypatch.setattr(rules, "CHANNELS_AT_MOST", 1)
    owner = make_user("olga", "owner")
    rules.add_webhook(owner, "n", "https://example.org/", "en", for_hub=False)
    assert faults(rules.add_webhook, owner, "n", "https://example.org/", "en", for_hub=False) == {""}
