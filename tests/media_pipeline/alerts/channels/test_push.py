import base64
import json

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from devices.hub_settings.models import HubSetting
from media_pipeline.alerts import delivering, queue
from media_pipeline.alerts.channels import push, rules
from media_pipeline.alerts.channels.models import AlertChannel
from photohub.lib.pages.sentences import said
from tests.builders import make_capture, make_device, make_user
from tests.media_pipeline.alerts.making import make_rule
from tests.media_pipeline.alerts.receivers import http_receiver

pytestmark = pytest.mark.django_db
AUTH = b"sixteen bytes ok"


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class ABrowser:
    """What a browser keeps for a hub, and hands out."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.key = endpoint, ec.generate_private_key(ec.SECP256R1())

    @property
    def handed_out(self) -> str:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": text_of(point), "auth": text_of(AUTH)}
        return json.dumps({"endpoint": self.endpoint, "expirationTime": None, "keys": keys})

    def read(self, body: bytes) -> dict:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=AUTH, version="aes128gcm"))


@pytest.fixture
def service():
    with http_receiver() as receiver:
        receiver.statuses, receiver.text = [201], ""
        yield receiver


@pytest.fixture
def owner():
    return make_user("olga", "owner")


def test_a_message_is_encrypted_for_the_browser_and_signed_with_the_hubs_key(owner, service):
    browser, porch = ABrowser(service.url), make_device("porch", name="Porch")
    capture = make_capture(porch)
    channel = rules.add_browser(owner, "phone", browser.handed_out, "en")
    rule = make_rule(owner, channel)
    queue.begin(rule, "a", said("%(device)s is there again.", device="Porch"), device=porch, capture=capture)
    assert delivering.send_all() == 1
    [call] = service.calls
    told = browser.read(call.body)
    assert (told["title"], told["body"]) == ("Porch is silent", "Porch is there again.")
    assert (told["path"], told["image"]) == ("/devices/porch/", f"/captures/{capture.pk}/thumb")
    assert call.headers["content-encoding"] == "aes128gcm" and int(call.headers["ttl"]) > 0


def test_the_proof_names_the_service_and_is_by_the_key_that_browsers_are_told(owner, service):
    channel = rules.add_browser(owner, "phone", ABrowser(service.url).handed_out, "en")
    assert delivering.send_test(channel) is None
    scheme, _space, rest = service.calls[0].headers["authorization"].partition(" ")
    proof = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and proof["k"] == push.public_key()
    head, claims, signature = proof["t"].split(".")
    told = json.loads(bytes_of(claims))
    assert told["aud"] == service.url.removesuffix("/hook") and told["sub"]
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes_of(proof["k"]))
    raw = bytes_of(signature)
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    # It raises where the signature is another one.
    point.verify(encode_dss_signature(*numbers), f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))


def test_the_key_is_made_once_and_kept_encrypted():
    key = push.public_key()
    assert push.public_key() == key and len(bytes_of(key)) == 65
    assert "PRIVATE" not in HubSetting.objects.get(pk="vapid").value


def test_a_key_of_another_secret_is_replaced():
    key = push.public_key()
    HubSetting.objects.filter(pk="vapid").update(value="gAAAAA-other")
    assert push.public_key() != key


def test_a_browser_that_took_its_permission_back_is_not_asked_again(owner, service):
    service.statuses = [410]
    channel = rules.add_browser(owner, "phone", ABrowser(service.url).handed_out, "en")
    queue.begin(make_rule(owner, channel), "a", said("It works."))
    delivering.send_all()
    message = channel.messages.get()
    assert message.state == "failed" and "takes no messages any more" in message.error_text


def test_the_same_browser_is_the_same_channel(owner):
    browser = ABrowser("https://push.example.org/abc")
    first = rules.add_browser(owner, "phone", browser.handed_out, "en")
    assert rules.add_browser(owner, "phone", browser.handed_out, "zh-hans").pk == first.pk
    assert AlertChannel.objects.get().language == "zh-hans"


def handed_out_with(endpoint, point: bytes) -> str:
    return json.dumps({"endpoint": endpoint, "keys": {"p256dh": text_of(point), "auth": text_of(AUTH)}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"endpoint": "x", "keys": {"p256dh": "AA", "auth": "AA"}}',
        "nul",
        "[" * 10_000,
        handed_out_with(5, b"\x04" + bytes(64)),
        # No point of the curve.
        handed_out_with("https://push.example.org/abc", b"\x04" + bytes(64)),
        handed_out_with("https://push.example.org:99999/abc", b"\x04" + bytes(64)),
    ],
)
def test_what_is_no_address_of_a_browser_is_refused(text):
    assert push.read_subscription(text) is None


def test_a_browser_is_added_by_the_form(owner):
    client = Client()
    client.force_login(owner, "django.contrib.auth.backends.ModelBackend")
    address = "/alerts/channels/new?service=push"
    assert push.public_key() in client.get(address).content.decode()
    values = {
        "subscription": ABrowser("https://push.example.org/abc").handed_out,
        "name": "",
        "language": "en",
    }
    assert client.post(address, values).status_code == 302
    assert AlertChannel.objects.get().shown == "push.example.org"
    answer = client.post(address, values | {"subscription": "none"})
    assert answer.status_code == 422 and "handed out no address" in answer.content.decode()
