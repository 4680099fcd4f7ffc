import pytest
from django.urls import reverse

from devices.keys import identity
from devices.registry.models import Device
from tests.builders import make_device, make_user

KEYS = reverse("devices:keys", args=["porch"])
NEW = reverse("devices:new_key", args=["porch"])
SECRET = reverse("devices:new_secret", args=["porch"])


@pytest.fixture
def porch(db, client):
    client.force_login(make_user("alice", "owner"))
    return make_device("porch", profile="esp8266-stm32")


def revoke_url(prefix: str) -> str:
    return reverse("devices:revoke_key", args=["porch", prefix])


def test_a_new_key_is_shown_once_and_told(porch, client):
    page = client.post(NEW, follow=True)
    key = page.context["shown"].key

    assert identity.find_device(key) == porch and key in page.content.decode()
    assert key not in client.get(KEYS).content.decode()
    assert porch.events.latest("seq").sentence == "A key was created."


def test_the_page_says_which_key_a_third_one_ends(porch, client):
    oldest = porch.keys.get()
    client.post(NEW)

    assert f"revokes the oldest, {oldest.prefix}…" in client.get(KEYS).content.decode()


def test_a_revoked_key_stays_listed(porch, client):
    key = porch.keys.get()
    page = client.post(revoke_url(key.prefix), follow=True).content.decode()

    assert not porch.keys.filter(revoked_at=None).exists()
    assert key.prefix in page and "revoked" in page


def test_a_key_of_another_device_is_not_revoked_here(porch, client):
    other = make_device("barn").keys.get()

    assert client.post(revoke_url(other.prefix)).status_code == 404
    other.refresh_from_db()
    assert other.revoked_at is None


def test_a_new_device_secret_is_shown_once(porch, client):
    page = client.post(SECRET, follow=True)

    assert page.context["shown"].device_secret == identity.device_secret(Device.objects.get())
    assert client.get(KEYS).context["shown"] is None


def test_a_device_without_a_product_key_needs_no_secret(porch, client):
    Device.objects.update(product_key="", device_name="", device_secret_encrypted=None)
    client.post(SECRET)

    assert identity.device_secret(Device.objects.get()) is None


@pytest.mark.parametrize("url", [NEW, SECRET, revoke_url("abcdefgh")])
def test_only_owners_make_and_revoke_and_never_by_a_link(porch, client, url):
    assert client.get(url).status_code == 405
    for name, role, status in (("bob", "operator", 403), ("mallory", "", 404)):
        client.force_login(make_user(name, role))
        assert client.post(url).status_code == status


def test_an_operator_does_not_see_the_keys(porch, client):
    client.force_login(make_user("bob", "operator"))

    assert client.get(KEYS).status_code == 403
