import pytest
from django.test import Client

from media_pipeline.alerts.kinds import logins
from media_pipeline.alerts.models import Alert, AlertMessage, LoginPlace
from tests.builders import PASSWORD, make_user
from tests.media_pipeline.alerts.making import make_rule, make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga", "owner")


def log_in(name: str, address: str) -> None:
    answer = Client(REMOTE_ADDR=address).post("/login", {"username": name, "password": PASSWORD})
    assert answer.status_code == 302


def test_a_login_from_a_new_network_is_told_and_the_first_one_is_not(owner):
    make_rule(owner, make_webhook(owner, "https://example.org/a"), "login")
    for address in ("192.0.2.7", "192.0.2.99", "198.51.100.4"):
        log_in("olga", address)
    [alert] = Alert.objects.all()
    assert alert.what_text == "olga logged in from a new place: 198.51.100.4."
    log_in("olga", "198.51.100.4")
    assert AlertMessage.objects.count() == 1


def test_the_hubs_rule_tells_of_everybody_and_a_persons_own_of_himself(owner):
    make_user("vera", "viewer")
    make_rule(owner, make_webhook(owner, "https://example.org/a"), "login")
    hubs = make_rule(owner, make_webhook(owner, "https://example.org/b", for_hub=True), "login")
    for address in ("192.0.2.7", "198.51.100.4"):
        log_in("vera", address)
    assert [alert.rule for alert in Alert.objects.all()] == [hubs]


def test_places_are_few(owner, monkeypatch):
    monkeypatch.setattr(logins, "PLACES_AT_MOST", 2)
    for number in range(4):
        logins.note_login(owner, f"10.0.{number}.1")
    assert list(LoginPlace.objects.order_by("pk").values_list("place", flat=True)) == [
        "10.0.2.0/24",
        "10.0.3.0/24",
    ]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", "unknown"),
    ],
)
def test_a_place_is_a_network(address, network):
    assert logins.network_of(address) == network
