"""What these tags write is what Django's own write."""

import pytest
from django.core.checks import run_checks
from django.template import Context, Engine, engines
from django.utils import translation

from photohub.lib.pages.templating import tags

OURS = Engine(builtins=["photohub.lib.pages.templating.tags"])
THEIRS = Engine(libraries={"i18n": "django.templatetags.i18n", "lucide": "lucide.templatetags.lucide"})

TEXTS = [
    '{% translate "Close" %}',
    '{% trans "Close" as word %}[{{ word }}]',
    '{% translate "month" context "no such context" %}',
    '{% translate "Close" noop %}',
    '{% translate "Close"|upper %}',
    "{% translate name %}",
    "{% blocktranslate %}Go to {{ room }}{% endblocktranslate %}",
    "{% blocktranslate trimmed %}\n  Separated by\n commas. 100 %\n{% endblocktranslate %}",
    "{% blocktranslate count count=n %}{{ count }} picture{% plural %}{{ count }} pictures{% endblocktranslate %}",
    "{% url 'history' %}",
    "{% url 'devices:list' as there %}{{ there }}",
    "{% url 'devices:detail' name %}",
    "{% url 'nothing' as there %}{{ there }}",
    '{% lucide "x" size=20 aria_hidden="true" %}',
    "{% lucide icon size=20 %}",
    '{% lucide "x" as cross %}{{ cross }}',
    "{% get_current_language as LANG %}{{ LANG }} {{ LANG|language_name_local }}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_each_writes_what_djangos_own_writes_in_each_language_each_time(text: str) -> None:
    ours, theirs = OURS.from_string(text), THEIRS.from_string("{% load i18n lucide %}" + text)
    for values in (
        {"name": "close", "room": "<b>", "n": 1, "icon": "x"},
        {"name": "open", "n": 2, "icon": "sun"},
    ):
        for language in ("en", "zh-hans", "en"):
            with translation.override(language):
                assert ours.render(Context(values)) == theirs.render(Context(values))


def test_an_icon_that_is_not_there_is_an_error_of_its_template() -> None:
    with pytest.raises(Exception, match="no-such-icon"):
        OURS.from_string('{% lucide "no-such-icon" %}')


def test_the_words_are_looked_up_once_for_each_language(monkeypatch) -> None:
    page = OURS.from_string('{% translate "Close" %}')
    with translation.override("zh-hans"):
        word = page.render(Context())
        monkeypatch.setattr("django.template.base.gettext_lazy", None)
        assert page.render(Context()) == word != "Close"


def test_every_template_has_them() -> None:
    engine = engines["django"].engine
    for library in ("i18n", "lucide"):
        assert engine.template_libraries[library] is tags.register


def test_django_has_nothing_to_say_of_it() -> None:
    assert [warning for warning in run_checks(tags=["templates"]) if not warning.is_silenced()] == []
