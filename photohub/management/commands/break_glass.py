"""`manage.py break_glass`: let somebody in when nobody can log in any more. The audit log says that it was used."""

from axes.utils import reset
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from devices.access.models import Role
from devices.audit import record as audit
from devices.audit.asking import by_command
from devices.audit.models import Kind, Word
from photohub.accounts import invitations
from photohub.accounts.logins import factors
from photohub.accounts.people import give_role
from photohub.lib.pages.sentences import said


class Command(BaseCommand):
    help = "Let a person in again: turn the account on, end lock-outs, take second factors away, and print a one-time link."

    def add_arguments(self, parser) -> None:
        parser.add_argument("user", help="user name; with --owner one that is new is made")
        parser.add_argument("--owner", action="store_true", help="make the person an owner")
        parser.add_argument(
            "--keep-second-factor",
            action="store_true",
            help="do not take away app, passkeys and recovery codes",
        )

    def handle(self, *args, user: str, owner: bool, keep_second_factor: bool, **options) -> None:
        people = User.objects
        person = people.filter(username=user).first()
        if person is None and not owner:
            known = ", ".join(people.order_by("username").values_list("username", flat=True)[:20])
            raise CommandError(f"There is no user {user}. There are: {known}. With --owner one is made.")
        with by_command("break_glass"), transaction.atomic():
            person = person or people.create_user(user)
            _let_in(person, owner)
            if not keep_second_factor:
                factors.reset(person)
            link = invitations.make_link(person)
        self.stdout.write(f"{user} sets a password here, once, within three days:\n{link}")


def _let_in(person, owner: bool) -> None:
    """Take away what keeps the person out, and write it down."""
    person.is_active = True
    person.save(update_fields=["is_active"])
    reset(username=person.get_username())
    sentence = said("The account was opened on the machine itself.")
    if owner:
        give_role(person, Role.OWNER)
        sentence = said("The account was opened on the machine itself, as an owner's.")
    audit.note(Word.CHANGED, Kind.PERSON, person.pk, person, sentence)
