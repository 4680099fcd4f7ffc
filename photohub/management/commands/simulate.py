"""`manage.py simulate`: a device of each kind over the real wires, against this or any other hub."""

import sys

from django.core.management.base import BaseCommand

from simulators.__main__ import main


class Command(BaseCommand):
    help = "Simulate devices over the real wires: `simulate esp32s3 --help` tells more."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand everything behind the command's name to the simulators, which have options of their own."""
        sys.exit(main(argv[2:]))

    def handle(self, *args, **options) -> None:
        main(list(args))
