"""`manage.py doctor`: every setting with its source, then a live test of each outside part."""

import json
import sys
from dataclasses import asdict

from django.core.management.base import BaseCommand

from photohub.env import READ, Setting
from photohub.status.doctor import Finding, examine


class Command(BaseCommand):
    help = (
        "Show every setting with its source, and test everything PhotoHub depends on. Exit code 1: a problem."
    )
    # The doctor is called when something is wrong; it must not refuse to come because of it.
    requires_system_checks = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args, **options) -> None:
        settings = [READ[name] for name in sorted(READ)]
        findings = list(examine())
        ok = all(finding.state != "PROBLEM" for finding in findings)
        if options["json"]:
            facts = {
                "ok": ok,
                "settings": [asdict(s) for s in settings],
                "tests": [asdict(f) for f in findings],
            }
            self.stdout.write(json.dumps(facts, ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(_lines(settings, findings, ok)))
        if not ok:
            sys.exit(1)


def _lines(settings: list[Setting], findings: list[Finding], ok: bool) -> list[str]:
    name_width = max(len(s.name) for s in settings)
    part_width = max(len(f.part) for f in findings)
    lines = ["Settings", ""]
    for setting in settings:
        lines.append(f"  {setting.name:<{name_width}}  {setting.value or '(empty)'}  [{setting.source}]")
        lines.append(f"  {'':<{name_width}}    {setting.doc}")
    lines += ["", "Tests", ""]
    for finding in findings:
        lines.append(
            f"  {finding.state:<7}  {finding.part:<{part_width}}  {finding.sentence} {finding.help}".rstrip()
        )
    return [*lines, "", "All is well." if ok else "There are problems; see above.", ""]
