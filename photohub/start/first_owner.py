"""The owner that the environment names, made before the first start ends."""

import os

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from photohub.accounts.first_owner import make_owner
from photohub.accounts.forms import check_person_name
from photohub.lib.log import logs
from photohub.start.preparing import CannotStart


def make_owner_from_environment() -> bool:
    """Make the owner that DJANGO_SUPERUSER_USERNAME and _PASSWORD name, as Django does; False when they do not.

    Raises CannotStart for a name or a password that the pages would refuse too.
    """
    username, password = (
        os.environ.get("DJANGO_SUPERUSER_USERNAME"),
        os.environ.get("DJANGO_SUPERUSER_PASSWORD"),
    )
    if not username or not password or get_user_model().objects.filter(username=username).exists():
        return False
    logs.know_secrets([*settings.OWN_SECRETS, password])
    _check("DJANGO_SUPERUSER_USERNAME", User.username_validator, username)
    _check("DJANGO_SUPERUSER_USERNAME", check_person_name, username)
    _check("DJANGO_SUPERUSER_PASSWORD", validate_password, password, get_user_model()(username=username))
    make_owner(username, password, os.environ.get("DJANGO_SUPERUSER_EMAIL", ""))
    return True


def _check(variable: str, rule, *values) -> None:
    try:
        rule(*values)
    except ValidationError as error:
        raise CannotStart(f"{variable}: {' '.join(error.messages)}") from error
