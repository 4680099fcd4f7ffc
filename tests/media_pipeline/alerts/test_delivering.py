import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from media_pipeline.alerts import delivering
from media_pipeline.alerts.channels.models import AlertChannel
from media_pipeline.alerts.kinds import looking, silence
from media_pipeline.alerts.models import Alert, AlertMessage
from tests.builders import make_capture, make_device, make_user
from tests.media_pipeline.alerts.making import SECRET, let_be_silent, make_mail, make_rule, make_webhook
from tests.media_pipeline.alerts.receivers import http_receiver, mail_server

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_hub_has_run_for_long():
    silence.forget(listened_s=3600)


@pytest.fixture
def receiver():
    with http_receiver() as made:
        yield made


@pytest.fixture
def owner():
    return make_user("olga", "owner")


@pytest.fixture
def porch():
    device = make_device("porch", name="Porch")
    let_be_silent(device, 1)
    return device


def look_and_send() -> int:
    looking.look()
    return delivering.send_all()


def make_due() -> None:
    AlertMessage.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def verify(call) -> None:
    """As a program that knows nothing of PhotoHub's code would."""
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    mac = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert call.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_a_silent_camera_is_told_once_and_once_more_when_it_is_back(owner, porch, receiver):
    capture = make_capture(porch)
    let_be_silent(porch, 1)
    make_rule(owner, make_webhook(owner, receiver.url))
    let_be_silent(porch, 10.5)
    assert look_and_send() == 1
    assert look_and_send() == 0
    let_be_silent(porch, 0)
    assert look_and_send() == 1
    began, over = receiver.calls
    verify(began)
    assert (began.json["type"], began.json["device"]["code"]) == ("alert.began", "porch")
    assert began.json["picture"]["id"] == str(capture.pk) and "silent since" in began.json["text"]
    assert (over.json["type"], over.json["alert"]) == ("alert.over", began.json["alert"])
    assert began.headers["webhook-id"] != over.headers["webhook-id"]


def test_what_was_not_taken_is_sent_again_under_the_same_id(owner, porch, receiver):
    receiver.statuses, receiver.text = [503, 200], "not now"
    channel = make_webhook(owner, receiver.url)
    make_rule(owner, channel)
    let_be_silent(porch, 10.5)
    assert look_and_send() == 0
    channel.refresh_from_db()
    assert channel.error_text == "127.0.0.1 answered 503: not now"
    # Not before its time.
    assert delivering.send_all() == 0
    make_due()
    assert delivering.send_all() == 1
    first, second = receiver.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    channel.refresh_from_db()
    assert channel.error_text == "" and channel.answer.startswith("127.0.0.1 answered 200")


def test_a_channel_that_is_away_for_a_day_is_given_up_with_its_reason(owner, porch, receiver):
    receiver.statuses = [500]
    make_rule(owner, make_webhook(owner, receiver.url))
    let_be_silent(porch, 10.5)
    look_and_send()
    AlertMessage.objects.update(give_up_at=timezone.now())
    make_due()
    delivering.send_all()
    message = AlertMessage.objects.get()
    assert (message.state, message.error_text) == ("failed", "127.0.0.1 answered 500: thanks")


def test_who_lost_the_right_is_told_nothing_more(owner, porch, receiver):
    viewer = make_user("vera", "viewer")
    channel = make_webhook(owner, receiver.url)
    AlertChannel.objects.update(user=viewer)
    channel.refresh_from_db()
    make_rule(viewer, channel)
    let_be_silent(porch, 10.5)
    looking.look()
    viewer.memberships.all().delete()
    assert delivering.send_all() == 0
    assert (AlertMessage.objects.get().state, receiver.calls) == ("skipped", [])


def test_a_viewer_cannot_have_the_hub_ask_its_own_network(owner, porch, receiver):
    viewer = make_user("vera", "viewer")
    channel = make_webhook(viewer, receiver.url)
    why = delivering.send_test(channel)
    assert str(why) == "127.0.0.1 has an address that PhotoHub is not allowed to contact."
    assert receiver.calls == []


def test_a_redirect_is_not_followed(owner, receiver):
    receiver.statuses, receiver.location = [307], receiver.url + "/elsewhere"
    assert "answered 307" in str(delivering.send_test(make_webhook(owner, receiver.url)))
    assert len(receiver.calls) == 1


def test_mail_comes_with_the_picture_in_the_language_of_the_channel(owner, porch):
    make_capture(porch)
    let_be_silent(porch, 1)
    with mail_server() as box:
        make_rule(owner, make_mail(owner, box.port, "zh-hans"))
        let_be_silent(porch, 10.5)
        assert look_and_send() == 1
    [mail] = box.mails
    assert mail["to"] == "you@example.org" and "Porch" in mail["subject"]
    assert [part.get_content_type() for part in mail.iter_attachments()] == ["image/jpeg"]


def test_a_mail_server_that_refuses_is_quoted(owner):
    with mail_server() as box:
        box.refusal = "550 no such person"
        why = delivering.send_test(make_mail(owner, box.port))
    assert "E-Mail did not take the message" in str(why)


def test_many_at_once_are_one_mail(owner):
    with mail_server() as box:
        make_rule(owner, make_mail(owner, box.port))
        for number in range(8):
            let_be_silent(make_device(f"cam-{number}", name=f"Camera {number}"), 10.5)
        assert look_and_send() == 8
    [mail] = box.mails
    text = mail.get_body(("plain",)).get_content()
    assert mail["subject"] == "8 messages" and text.count("has been silent") == 8


def test_nobody_hears_that_it_is_over_before_that_it_began(owner, porch, receiver):
    receiver.statuses = [503, 200]
    make_rule(owner, make_webhook(owner, receiver.url))
    let_be_silent(porch, 10.5)
    look_and_send()
    let_be_silent(porch, 0)
    look_and_send()
    assert [call.json["type"] for call in receiver.calls] == ["alert.began"]
    make_due()
    delivering.send_all()
    make_due()
    delivering.send_all()
    assert [call.json["type"] for call in receiver.calls] == ["alert.began", "alert.began", "alert.over"]


def test_a_worker_that_died_after_its_claim_loses_nothing(owner, porch, receiver, monkeypatch):
    make_rule(owner, make_webhook(owner, receiver.url))
    let_be_silent(porch, 10.5)
    looking.look()
    monkeypatch.setattr("media_pipeline.alerts.delivering._send", lambda *_claimed: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        delivering.send_all()
    monkeypatch.undo()
    assert delivering.send_all() == 0
    AlertMessage.objects.update(next_try_at=F("next_try_at") - timedelta(seconds=200))
    assert delivering.send_all() == 1
    assert Alert.objects.get().told_at is not None


def test_what_is_not_begun_while_the_claim_holds_is_given_back(owner, porch, receiver, monkeypatch):
    make_rule(owner, make_webhook(owner, receiver.url))
    let_be_silent(porch, 11)
    with monkeypatch.context() as patch:
        patch.setattr(delivering, "_BEGUN_WITHIN_S", 0.0)
        patch.setattr(delivering, "_ROUNDS", 1)
        assert look_and_send() == 0 and receiver.calls == []
    message = AlertMessage.objects.get()
    assert (message.state, message.attempts, message.error) == ("waiting", 0, "")
    assert delivering.send_all() == 1
