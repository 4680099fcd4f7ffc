"""The command `add_device`."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from devices.keys import identity

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("add_device", *arguments, stdout=out)
    return out.getvalue()


def test_the_key_is_printed_for_people_and_for_programs():
    made = json.loads(run("porch", "--json"))
    assert identity.find_device(made["key"]).code == made["code"] == "porch"
    lines = dict(line.split(": ") for line in run("gate", "--profile", "esp8266-stm32").splitlines())
    assert lines["code"] == "gate" and set(lines) == {"code", "key", "device_secret"}


def test_a_code_is_given_once():
    run("porch")
    with pytest.raises(CommandError, match="porch"):
        run("porch")
