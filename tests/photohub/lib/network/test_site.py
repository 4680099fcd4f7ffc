import pytest

from photohub.lib.network import site


@pytest.fixture(autouse=True)
def _ports(monkeypatch, settings):
    monkeypatch.setattr(site, "_http_port", None)
    monkeypatch.setattr(site, "_mqtt_port", None)
    settings.PHOTOHUB_URL, settings.BEST_ADDRESS, settings.HTTP_PORT = "", "192.168.1.5", 8000
    settings.HTTP_HOST = settings.MQTT_HOST = settings.STREAM_HOST = "0.0.0.0"


def test_the_outside_address_wins(settings):
    settings.PHOTOHUB_URL = "https://hub.example"
    assert site.base_url() == "https://hub.example" and site.mqtt_host() == "hub.example"


def test_without_one_the_best_local_address_is_used():
    assert site.base_url() == "http://192.168.1.5:8000"


def test_a_port_that_was_moved_is_told_to_devices():
    site.use_port(8003)
    site.use_mqtt_port(1885)
    assert site.base_url().endswith(":8003") and site.mqtt_port() == 1885


def test_the_broker_may_have_a_name_of_its_own(settings):
    settings.MQTT_PUBLIC_HOST, settings.MQTT_PUBLIC_PORT = "mqtt.example", 8883
    assert (site.mqtt_host(), site.mqtt_port()) == ("mqtt.example", 8883)


def test_who_listens_on_one_address_is_reached_there_alone(settings):
    settings.HTTP_HOST, settings.MQTT_HOST, settings.STREAM_HOST = "127.0.0.1", "10.0.0.7", "::1"
    assert site.base_url() == "http://127.0.0.1:8000"
    assert (site.mqtt_host(), site.stream_host()) == ("10.0.0.7", "::1")
    settings.HTTP_HOST = "fd00::7"
    assert site.base_url() == "http://[fd00::7]:8000"


def test_who_listens_on_all_is_reached_at_the_best(settings):
    settings.MQTT_HOST = settings.STREAM_HOST = "::"
    assert site.mqtt_host() == site.stream_host() == "192.168.1.5"
