"""The process that prepares a data folder (tests/prepared.py) and copies the database as the migrations leave it."""

import os
import sys

import django
from django.core.management import call_command
from django.db import connection


def main(copy: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [copy])
    call_command("prepare")


if __name__ == "__main__":
    main(sys.argv[1])
