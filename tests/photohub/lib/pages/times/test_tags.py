"""Template tags and filters of dates and times."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.template import engines

from photohub.lib.pages.times.tags import FORMS
from photohub.lib.pages.timezones import in_timezone

AT = datetime(2025, 11, 29, 20, 13, 5, 250_000, tzinfo=UTC)


def rendered(template: str, **values) -> str:
    with in_timezone(ZoneInfo("Europe/Berlin")):
        return engines["django"].from_string(template).render({"at": AT, **values})


def test_a_point_in_time_is_an_element_that_the_browser_keeps_current():
    assert rendered('{% when at "moment" class="muted" %}') == (
        '<time datetime="2025-11-29T20:13:05.250+00:00" data-time="moment" title="Nov 29, 2025, 21:13:05" '
        'class="muted">Nov 29, 2025, 21:13</time>'
    )


def test_nothing_is_written_where_there_is_no_time():
    assert rendered("{% when nothing %}{{ nothing|as_day }}{{ ''|as_iso }}", nothing=None) == ""


def test_attributes_cannot_break_out():
    assert '="&quot;&gt;">' in rendered('{% when at "day" title_of=name %}', name='">')


def test_a_filter_for_each_form():
    assert all(rendered(f"{{{{ at|as_{name} }}}}") for name in FORMS if "length" not in name)
    assert rendered("{{ 91|as_length }} {{ 91|as_length_in_words }}") == "1:31 1 min 31 s"


def test_days_for_programs_are_the_readers():
    late = datetime(2025, 11, 30, 23, 30, tzinfo=UTC)
    assert rendered("{{ at|as_iso_day }} {{ at|as_iso_month }}", at=late) == "2025-12-01 2025-12"
    assert rendered("{{ at|as_iso_day }} {{ at|as_iso }}", at=date(2025, 11, 30)) == "2025-11-30 2025-11-30"


def test_the_patterns_cannot_end_their_script():
    assert rendered("{% time_patterns %}").count("<") == 2
