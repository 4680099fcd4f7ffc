"""One form of date and time in the whole product: nobody writes another beside `photohub.lib.pages.times`."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = settings.BASE_DIR
HOME = {"photohub/lib/pages/times/wording.py", "photohub/lib/pages/times/tags.py", "static/js/times.js"}
# What programs read, and the names of files.
FOR_PROGRAMS = {
    "devices/audit/views.py": 1,
    "devices/firmware/checking.py": 1,  # the form of `created` in manifests
    "devices/management/commands/sign_firmware.py": 1,
    "devices/schedules/models.py": 1,  # `str` of a row
    "media_pipeline/gaps/days.py": 1,  # a month in a query
    "media_pipeline/gaps/views.py": 4,
    "media_pipeline/history/views.py": 2,  # months in a query
    "media_pipeline/intake/endpoint.py": 1,
    "media_pipeline/links/archive.py": 2,
    "media_pipeline/links/shared_views.py": 1,
    "media_pipeline/maintenance/orphans.py": 1,
    "media_pipeline/picture_files/store.py": 1,
    "media_pipeline/plots/views.py": 1,
    "media_pipeline/streams/policy.py": 1,
    "media_pipeline/time_lapses/forms.py": 1,  # the value of a field of HTML
    "media_pipeline/time_lapses/models.py": 1,  # `str` of a row
    "media_pipeline/time_lapses/views.py": 1,
    "media_pipeline/trash/models.py": 1,  # `str` of a row
    "photohub/backup/backing_up.py": 1,
    "photohub/demo/month.py": 1,
    "photohub/demo/stage.py": 1,
    "photohub/management/commands/alive.py": 1,
    "photohub/start/preparing.py": 1,
}
# What stands at an axis is shorter than a time in a sentence.
AT_AXES = {"static/js/media_pipeline/plots.js": 1}
IN_TEMPLATES = re.compile(
    r"\|\s*(?:date|time|timesince|timeuntil|naturaltime|naturalday)\b|\{% *now\b|localtime|data-relative"
)
IN_SCRIPTS = re.compile(
    r"toLocale(?:Date|Time)?String|(?:DateTime|RelativeTime)Format\((?!\)\.resolvedOptions)|toDateString|getHours"
)
IN_PYTHON = re.compile(r"strftime|strptime|\{[^{}\"']*:[^{}]*%[YmdHMb]|date_format\(|naturaltime")


def strays(folders: list[str], ending: str, pattern: re.Pattern) -> dict[str, int]:
    """Return how often each file writes a date or a time by itself."""
    paths = [p for folder in folders for p in sorted((ROOT / folder).rglob(f"*{ending}"))]
    names = {str(p.relative_to(ROOT)): p for p in paths if "migrations" not in p.parts}
    found = {
        name: len(pattern.findall(p.read_text("utf-8"))) for name, p in names.items() if name not in HOME
    }
    return {name: count for name, count in found.items() if count}


def test_templates_tell_times_by_our_tags_alone():
    assert strays(["templates"], ".html", IN_TEMPLATES) == {}


def test_scripts_tell_times_by_one_module():
    assert strays(["static/js"], ".js", IN_SCRIPTS) == AT_AXES


def test_python_tells_times_by_one_module():
    assert strays(["devices", "media_pipeline", "photohub"], ".py", IN_PYTHON) == FOR_PROGRAMS


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (IN_TEMPLATES, '{{ at|date:"c" }}'),
        (IN_TEMPLATES, "{{ at | timesince }}"),
        (IN_SCRIPTS, "new Date().toLocaleString()"),
        (IN_SCRIPTS, 'new Intl.DateTimeFormat("en")'),
        (IN_PYTHON, 'f"{now:%H:%M}"'),
        (IN_PYTHON, 'at.strftime("%Y")'),
    ],
)
def test_a_stray_is_found(pattern, text):
    assert pattern.search(text)


def test_the_home_is_there():
    assert all(Path(ROOT, name).is_file() for name in HOME)
