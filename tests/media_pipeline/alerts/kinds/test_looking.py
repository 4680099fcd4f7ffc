import pytest

from media_pipeline.alerts.kinds import looking
from media_pipeline.alerts.kinds.table import BY_WORD, KINDS
from media_pipeline.alerts.models import AlertRule

pytestmark = pytest.mark.django_db


def test_every_kind_has_its_word():
    assert len(BY_WORD) == len(KINDS)


def test_a_rule_of_a_newer_hub_is_passed_over():
    AlertRule.objects.create(kind="of-the-future")
    looking.look()
    assert not looking.waits()


def test_a_kind_that_fails_keeps_nobody_back(monkeypatch, caplog):
    AlertRule.objects.create(kind="silent", threshold=60)
    monkeypatch.setitem(BY_WORD, "silent", type("Broken", (), {"find": lambda _rules: 1 / 0}))
    looking.look()
    assert "could not be looked for" in caplog.text
