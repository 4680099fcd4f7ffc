import pytest

from media_pipeline.alerts.channels import webhook
from media_pipeline.alerts.channels.letter import Letter, NotSent
from photohub.lib.network.address_rules import is_public, is_safe
from tests.media_pipeline.alerts.making import SECRET
from tests.media_pipeline.alerts.receivers import http_receiver
from tests.ports import free_ports

LETTER = Letter("id-1", "a", "b", "https://example.org/")


def test_the_signature_is_that_of_the_specification():
    # The example of Standard Webhooks.
    body = b'{"test": 2432232314}'
    signed = webhook.sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_new_secrets_are_secrets_and_other_words_are_not():
    assert webhook.is_secret(webhook.new_secret()) and webhook.is_secret(SECRET)
    assert not any(map(webhook.is_secret, ("", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", SECRET[6:])))


def test_an_address_that_may_not_be_asked_is_not():
    with pytest.raises(NotSent, match="not allowed to contact"):
        webhook.send("http://127.0.0.1:9/", SECRET, LETTER, is_public)


def test_nobody_there_is_said():
    with pytest.raises(NotSent, match="cannot be reached"):
        webhook.send(f"http://127.0.0.1:{free_ports(1)[0]}/", SECRET, LETTER, is_safe)


@pytest.mark.parametrize(("status", "permanent"), [(500, False), (404, False), (429, False), (410, True)])
def test_only_gone_is_for_ever(status, permanent):
    with http_receiver() as receiver:
        receiver.statuses = [status]
        with pytest.raises(NotSent) as refusal:
            webhook.send(receiver.url, SECRET, LETTER, is_safe)
    assert refusal.value.permanent is permanent
