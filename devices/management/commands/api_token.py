"""`manage.py api_token`: make an API token and print it once."""

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from devices.access.models import Scope
from devices.audit.asking import by_command
from devices.keys import tokens


class Command(BaseCommand):
    help = "Make an API token for a person and print it, this once."

    def add_arguments(self, parser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument(
            "--scope", action="append", choices=Scope.values, help="may be given several times; default: all"
        )
        parser.add_argument("--name", default="made on the command line")

    def handle(self, *args, user: str, scope: list[str] | None, name: str, **options) -> None:
        person = get_user_model().objects.filter(username=user).first()
        if person is None:
            raise CommandError(f"There is no user {user}.")
        with by_command("api_token"):
            _token, secret = tokens.new_token(person, name, scope)
        self.stdout.write(secret)
