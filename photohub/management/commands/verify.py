"""`manage.py verify`: are all pictures there, whole, and in the mirror?"""

import json
import sys
import time

from django.core.management.base import BaseCommand

from media_pipeline.maintenance.repairing import repair
from media_pipeline.maintenance.verifying import Finding, Scope, verify


class Command(BaseCommand):
    help = "Compare pictures, files and mirror. Exit code 1: something is wrong that was not repaired."
    # It is called when something is wrong; it must not refuse to come because of it.
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--quick", action="store_true", help="look at presence and size only (the default)")
        how.add_argument("--deep", action="store_true", help="read every file and compare its SHA-256")
        parser.add_argument("--mirror", action="store_true", help="ask the mirror for every copy")
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object a line, a sum at the end"
        )
        parser.add_argument("--repair", action="store_true", help="mend what can be mended without loss")

    def handle(self, *args, deep: bool, mirror: bool, **options) -> None:
        self._heard_s = time.monotonic()
        counts = {"found": 0, "repaired": 0}
        for finding in verify(Scope(deep, mirror), self._progress):
            mended = options["repair"] and repair(finding)
            counts["found"] += 1
            counts["repaired"] += mended
            self.stdout.write(as_json(finding, mended) if options["json"] else as_line(finding, mended))
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write(_sum(**counts))
        if counts["found"] > counts["repaired"]:
            sys.exit(1)

    def _progress(self, what: str, done: int) -> None:
        # A line every few seconds tells that it goes on; more would bury what was found.
        if time.monotonic() - self._heard_s >= 2:
            self._heard_s = time.monotonic()
            self.stderr.write(f"{done:,} {what} looked at …")


def as_line(finding: Finding, mended: bool) -> str:
    where = f"{finding.path} ({finding.device})" if finding.device else finding.path
    return f"{finding.kind:<14}  {where}  {'Repaired.' if mended else finding.advice}"


def as_json(finding: Finding, mended: bool) -> str:
    return json.dumps(
        {
            "kind": finding.kind,
            "path": finding.path,
            "device": finding.device or None,
            "capture": str(finding.capture_id) if finding.capture_id else None,
            "repaired": mended,
            "advice": finding.advice,
        },
        ensure_ascii=False,
    )


def _sum(found: int, repaired: int) -> str:
    if not found:
        return "All pictures are there and whole."
    return f"{found} found, {repaired} repaired, {found - repaired} left."
