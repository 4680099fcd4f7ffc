"""System checks of the whole hub: settings that each are right, but not together."""

from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from photohub.env import ENV_FILE
from photohub.lib.files import private
from photohub.lib.files.mounts import on_network

PRODUCTION = "production"
_OF_EXAMPLES = frozenset(
    "password passwd secret changeme change-me default example admin test 123456 12345678".split()
)
_NEEDED = (
    ("PHOTOHUB_URL", "photohub.E001", "Set it to the address by which people and devices reach PhotoHub."),
    ("DATABASE_URL", "photohub.E002", "Set it to postgres://user:password@host:5432/name."),
    ("REDIS_URL", "photohub.E003", "Set it to redis://:password@host:6379/0."),
)


def check_production(app_configs, **kwargs) -> list[CheckMessage]:
    """The production form is several processes, which must find each other."""
    if settings.PHOTOHUB_ENV != PRODUCTION:
        return []
    found: list[CheckMessage] = [
        Error(f"{name} is empty, but the production form needs it.", hint=hint, id=id_)
        for name, id_, hint in _NEEDED
        if not getattr(settings, name)
    ]
    if settings.DEBUG:
        hint = "Unset PHOTOHUB_DEBUG: error pages would show the code and the settings to strangers."
        found.append(Error("PHOTOHUB_DEBUG is on in the production form.", hint=hint, id="photohub.E004"))
    if settings.REDIS_URL and not urlsplit(settings.REDIS_URL).password:
        hint = "Give Redis a password (requirepass) and write redis://:password@host:6379/0."
        found.append(Warning("REDIS_URL has no password.", hint=hint, id="photohub.W002"))
    return found


def check_endpoints(app_configs, **kwargs) -> list[CheckMessage]:
    """What would open the hub to everybody, or make it slow, in any form."""
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Name the one outside address by PHOTOHUB_URL; the hosts follow from it."
        found.append(Error("ALLOWED_HOSTS lets every name in.", hint=hint, id="photohub.E005"))
    if getattr(settings, "CELERY_TASK_ALWAYS_EAGER", False):
        hint = "Remove CELERY_TASK_ALWAYS_EAGER: uploads would wait for the mirror."
        found.append(Error("Celery tasks run inside the requests.", hint=hint, id="photohub.E006"))
    return found


def check_privacy(app_configs, **kwargs) -> list[CheckMessage]:
    """Other accounts of the machine have no business in the data folder, nor in the file with the passwords."""
    found: list[CheckMessage] = []
    if reached := private.open_entries(settings.PHOTOHUB_DATA):
        hint = f"Give {settings.PHOTOHUB_DATA} to the account that runs PhotoHub, and run chmod -R go= on it."
        message = f"Other accounts of this machine can reach {reached[0]}."
        found.append(Warning(message, hint=hint, id="photohub.W003"))
    if ENV_FILE.is_file() and ENV_FILE.stat().st_mode & 0o077:
        message = f"Other accounts of this machine can read the passwords in {ENV_FILE}."
        found.append(Warning(message, hint=f"Run chmod 600 {ENV_FILE}.", id="photohub.W004"))
    return found


def check_passwords(app_configs, **kwargs) -> list[CheckMessage]:
    """The passwords between the parts must not be those of examples."""
    found: list[CheckMessage] = []
    for name, url in [
        ("DATABASE_URL", settings.DATABASE_URL),
        ("REDIS_URL", settings.REDIS_URL),
        ("PHOTOHUB_MQTT_URL", settings.MQTT_URL),
    ]:
        password = unquote(urlsplit(url).password or "")
        if password.casefold() in _OF_EXAMPLES or (password and password == urlsplit(url).username):
            hint = "Make one with `openssl rand -hex 24`, and set it at both ends."
            message = f"The password in {name} stands in examples: everybody knows it."
            found.append(Error(message, hint=hint, id="photohub.E007"))
    return found


def check_disk(app_configs, **kwargs) -> list[CheckMessage]:
    """SQLite needs the locks of a local disk."""
    if settings.DATABASE_URL or not on_network(settings.PHOTOHUB_DATA):
        return []
    hint = "Put PHOTOHUB_DATA on a disk of this machine, or set DATABASE_URL to a PostgreSQL server."
    message = f"The SQLite database in {settings.PHOTOHUB_DATA} is on a network file system."
    return [Warning(message, hint=hint, id="photohub.W001")]
