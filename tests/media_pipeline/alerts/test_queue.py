from datetime import timedelta

import pytest
from django.utils import timezone

from media_pipeline.alerts import queue
from media_pipeline.alerts.models import AlertMessage, MessageState
from photohub.lib.pages.sentences import said
from tests.builders import make_user
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db
WHAT, END = said("It works."), said("It works.")


@pytest.fixture
def rule():
    owner = make_user("olga", "owner")
    return make_rule(owner, make_webhook(owner, "https://example.org/a"))


def test_what_lasts_is_told_once_while_it_lasts(rule):
    alert = queue.begin(rule, "a", WHAT)
    assert queue.begin(rule, "a", WHAT) is None
    assert queue.finish(alert, END) and not queue.finish(alert, END)
    assert queue.begin(rule, "a", WHAT) is not None


def test_what_just_happens_is_told_once_for_ever(rule):
    assert queue.begin(rule, "a", WHAT, lasts=False) is not None
    assert queue.begin(rule, "a", WHAT, lasts=False) is None


def test_a_message_is_claimed_by_one(rule):
    queue.begin(rule, "a", WHAT)
    assert [len(queue.claim()), len(queue.claim())] == [1, 0]


def test_a_claim_runs_out_and_one_from_a_clock_that_was_ahead_binds_nobody(rule):
    queue.begin(rule, "a", WHAT)
    queue.claim()
    AlertMessage.objects.update(next_try_at=timezone.now() + timedelta(days=400))
    assert len(queue.claim()) == 1


def test_quiet_hours_hold_a_message_and_drop_one_that_is_over(rule):
    now = timezone.now()
    minute = now.hour * 60 + now.minute
    rule.quiet_from, rule.quiet_until = (minute - 60) % 1440, (minute + 60) % 1440
    rule.save()
    alert = queue.begin(rule, "a", WHAT)
    assert queue.claim() == [] and AlertMessage.objects.get().is_held
    queue.finish(alert, END)
    message = AlertMessage.objects.get()
    assert (message.state, message.error_text) == ("skipped", "It was over before the quiet hours ended.")


def test_what_is_no_news_in_the_morning_is_not_kept_for_it(rule):
    now = timezone.now()
    minute = now.hour * 60 + now.minute
    rule.quiet_from, rule.quiet_until = (minute - 60) % 1440, (minute + 60) % 1440
    rule.save()
    assert queue.begin(rule, "a", WHAT, lasts=False, may_wait=False) is not None
    assert not AlertMessage.objects.exists()


def test_a_queue_of_a_channel_is_bounded(rule, monkeypatch):
    monkeypatch.setattr(queue, "WAITING_AT_MOST", 2)
    for number in range(3):
        queue.begin(rule, str(number), WHAT)
    states = AlertMessage.objects.order_by("created_at").values_list("state", flat=True)
    assert sorted(states) == [MessageState.FAILED, MessageState.WAITING, MessageState.WAITING]


def test_pauses_grow_and_others_of_the_channel_wait_along(rule):
    queue.begin(rule, "a", WHAT)
    queue.begin(rule, "b", WHAT)
    claimed = queue.claim(1)
    queue.note_failed(claimed, said("It works."))
    assert queue.claim() == [] and queue.next_due_within(11)
    waits = AlertMessage.objects.values_list("next_try_at", flat=True)
    assert all(timedelta(seconds=8) < at - timezone.now() <= timedelta(seconds=10) for at in waits)


def test_a_rule_that_means_something_else_closes_what_is_open_without_a_word(rule):
    alert = queue.begin(rule, "a", WHAT)
    queue.close([alert])
    alert.refresh_from_db()
    assert alert.over_at is not None and AlertMessage.objects.get().state == "skipped"
