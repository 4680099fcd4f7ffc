import io
import logging
from types import SimpleNamespace

import pytest

from media_pipeline.alerts.channels import apprise_services
from media_pipeline.alerts.channels.letter import Letter, NotSent, Picture
from photohub.lib.network.address_rules import is_public, is_safe
from tests.builders import make_jpeg
from tests.media_pipeline.alerts.receivers import http_receiver, mail_server
from tests.ports import free_ports

LETTER = Letter("id-1", "Porch is silent", "Since noon.", "https://example.org/")
TOKEN = "tk_k3Fz9Qw7Lr2Vx8Nb5Yc1"


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("ntfy://example.org/topic", ""),
        ("wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa", ""),
        ("syslog://", "local"),
        ("dbus://", "local"),
        ("json://example.org/", "owners"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template=/etc/passwd", "argument"),
        ("workflows://example.org/id/signature?x=1;template=/etc/passwd", "argument"),
        ("ntfy://example.org/topic?x=1;retry=5;wait=20", "argument"),
        ("ntfy://example.org/topic#?retry=5", "argument"),
        ("ntfy://example.org/topic?a=b#&retry=5", "argument"),
        ("ntfy://example.org/topic?%52etry=5", "argument"),
        ("ntfy://example.org/topic?redirect=yes", "argument"),
        ("ntfy://example.org/topic?priority=high;mode=private", ""),
        ("no-such-thing://example.org", "owners"),
        ("", "owners"),
    ],
)
def test_what_may_be_a_channel_of_anybody(address, fault):
    assert apprise_services.fault_of(address, is_owners=False) == fault


def test_owners_may_name_other_services_but_none_that_nobody_knows():
    assert apprise_services.fault_of("json://example.org/", is_owners=True) == ""
    assert apprise_services.fault_of("no-such-thing://example.org", is_owners=True) == "unknown"
    for address in ("syslog://", "syslog:/", "syslog:\\"):
        assert apprise_services.fault_of(address, is_owners=True) == "local"


def ntfy_at(url: str) -> str:
    return f"ntfy://{TOKEN}@{url.removeprefix('http://').removesuffix('/hook')}/topic?auth=token&mode=private"


def test_ntfy_gets_the_words_and_the_picture():
    with http_receiver() as receiver:
        receiver.text = "{}"
        picture = Picture(make_jpeg())
        letter = Letter("id-1", "Porch is silent", "Since noon.", "https://example.org/", picture=picture)
        answer = apprise_services.send(ntfy_at(receiver.url), letter, is_safe)
    assert answer == "ntfy took the message."
    assert picture.data in [call.body for call in receiver.calls]
    assert receiver.calls[0].headers["authorization"] == f"Bearer {TOKEN}"


ODD = Letter("id-1", "Gate <3 & yard is silent", "Gate <3 & <b>yard</b>\nSince noon.", "https://example.org/")


def test_a_mail_shows_a_name_as_it_is_written():
    with mail_server() as box:
        address = f"mailto://example.org:{box.port}/?smtp=127.0.0.1&from=hub@example.org&to=you@example.org"
        apprise_services.send(f"{address}&mode=insecure", ODD, is_safe)
    [mail] = box.mails
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().split("\r\n")[:2] == ["Gate <3 & <b>yard</b>", "Since noon."]


def test_telegram_gets_no_markup_that_it_refuses(monkeypatch):
    sent = []
    answer = SimpleNamespace(status_code=200, content=b"{}")
    monkeypatch.setattr("requests.post", lambda *_arguments, **options: sent.append(options) or answer)
    apprise_services.send("tgram://123456789:abcdefg_hijklmnop/12315544/", ODD, is_safe)
    assert "Gate &lt;3 &amp; yard is silent" in sent[0]["data"]


@pytest.fixture
def log():
    """What reaches the hub's own handler. pytest's fixture listens to loggers that hand nothing on as well."""
    heard, handler = io.StringIO(), logging.StreamHandler()
    handler.setStream(heard)
    logging.getLogger().addHandler(handler)
    yield heard
    logging.getLogger().removeHandler(handler)


def test_a_refusal_is_quoted_without_the_secret(log):
    with http_receiver() as receiver:
        receiver.statuses, receiver.text = [403], f'{{"error": "no {TOKEN}"}}'
        with pytest.raises(NotSent, match="ntfy did not take the message") as refusal:
            apprise_services.send(ntfy_at(receiver.url), LETTER, is_safe)
    assert "403" in str(refusal.value)
    assert TOKEN not in str(refusal.value)
    assert TOKEN not in log.getvalue() and "ntfy" not in log.getvalue()


def test_a_service_may_not_lead_into_the_house_for_everybody():
    with http_receiver() as receiver:
        with pytest.raises(NotSent, match="not allowed to contact"):
            apprise_services.send(ntfy_at(receiver.url), LETTER, is_public)
    assert receiver.calls == []


def test_a_redirect_into_the_house_is_not_followed():
    with http_receiver() as inside, http_receiver() as outside:
        outside.statuses, outside.location = [307], inside.url
        with pytest.raises(NotSent):
            apprise_services.send(ntfy_at(outside.url), LETTER, is_safe)
    assert inside.calls == []


def test_nobody_there_is_said():
    with pytest.raises(NotSent, match="ntfy did not take the message"):
        apprise_services.send(ntfy_at(f"http://127.0.0.1:{free_ports(1)[0]}/hook"), LETTER, is_safe)


def test_what_is_shown_of_an_address_holds_no_secret():
    service, shown = apprise_services.shown_of(f"ntfy://{TOKEN}@example.org/topic?auth=token&mode=private")
    assert service == "ntfy" and "example.org" in shown and TOKEN not in shown
