"""System checks: bad settings of all apps are named by `manage.py check`."""

import pytest
from django.core.checks import run_checks

from photohub import checks

SOUND = {
    "PHOTOHUB_ENV": "production",
    "PHOTOHUB_URL": "https://photos.example.org",
    "DATABASE_URL": "postgres://hub:word@db/photohub",
    "REDIS_URL": "redis://:word@redis:6379/0",
    "MQTT_URL": "mqtt://hub:word@mosquitto:1883",
    "DEBUG": False,
}
BAD = [
    ("photohub.E001", {"PHOTOHUB_URL": ""}),
    ("photohub.E002", {"DATABASE_URL": ""}),
    ("photohub.E003", {"REDIS_URL": ""}),
    ("photohub.E004", {"DEBUG": True}),
    ("photohub.E005", {"ALLOWED_HOSTS": ["*"]}),
    ("photohub.E006", {"CELERY_TASK_ALWAYS_EAGER": True}),
    ("photohub.W002", {"REDIS_URL": "redis://redis:6379/0"}),
    ("devices.E001", {"MQTT_URL": ""}),
    ("devices.E002", {"MQTT_URL": "", "MQTT_DYNSEC": True}),
    ("devices.W001", {"MQTT_URL": "mqtt://mosquitto:1883"}),
    ("media_pipeline.E001", {"PHOTOHUB_LINKS": "public", "PHOTOHUB_MIRROR": "none"}),
    ("media_pipeline.E001", {"PHOTOHUB_LINKS": "signed", "PHOTOHUB_MIRROR": "file"}),
]
OURS = ("photohub.", "devices.", "media_pipeline.")


def found(settings, **values) -> dict[str, str]:
    """Return the ids of our messages, and their hints, for production settings with these changes."""
    for name, value in (SOUND | values).items():
        setattr(settings, name, value)
    return {message.id: message.hint for message in run_checks() if message.id.startswith(OURS)}


def test_sound_production_settings_are_silent(settings):
    assert found(settings) == {}


def test_the_embedded_form_needs_nothing(settings):
    nothing = dict.fromkeys(["PHOTOHUB_URL", "DATABASE_URL", "REDIS_URL", "MQTT_URL"], "")
    assert found(settings, PHOTOHUB_ENV="embedded", **nothing) == {}


@pytest.mark.parametrize(("id_", "values"), BAD)
def test_a_bad_setting_is_named_with_a_hint(settings, id_, values):
    assert found(settings, **values).get(id_)


def test_sqlite_on_a_network_disk_is_named(settings, monkeypatch):
    monkeypatch.setattr(checks, "on_network", lambda folder: True)
    assert "photohub.W001" in found(settings, PHOTOHUB_ENV="embedded", DATABASE_URL="")
    assert "photohub.W001" not in found(settings)


def test_links_to_a_real_mirror_are_fine(settings):
    assert found(settings, PHOTOHUB_LINKS="signed", PHOTOHUB_MIRROR="oss") == {}
