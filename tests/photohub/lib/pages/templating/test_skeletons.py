import pytest
from django.utils import translation
from django.utils.safestring import mark_safe

from photohub.lib.pages.templating import skeletons
from photohub.lib.pages.templating.skeletons import Skeleton

TEMPLATE = """{% load i18n %}
<p title="{{ title }}"
   {% if is_new %}class="new"{% endif %}>100 %
  {% blocktranslate with room=title %}Go to {{ room }}{% endblocktranslate %}
  {{ more }}
</p>"""


@pytest.fixture
def skeleton(tmp_path, settings) -> Skeleton:
    (tmp_path / "row.html").write_text(TEMPLATE)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    return Skeleton("row.html", "title", "more")


def test_values_are_written_as_text_and_html_as_it_is(skeleton: Skeleton) -> None:
    html = skeleton.fill({"is_new": True}, {"title": '<"&%s', "more": mark_safe("<b>%</b>")})
    assert (
        html == '\n<p title="&lt;&quot;&amp;%s"\nclass="new">100 %\nGo to &lt;&quot;&amp;%s\n<b>%</b>\n</p>'
    )


def test_each_set_of_conditions_and_each_language_has_its_text(skeleton: Skeleton) -> None:
    values = {"title": "Hall", "more": ""}
    new, old = skeleton.fill({"is_new": True}, values), skeleton.fill({"is_new": False}, values)
    with translation.override("zh-hans"):
        chinese = skeleton.fill({"is_new": False}, values)
    assert 'class="new"' in new and 'class="new"' not in old
    assert "Go to Hall" in old and "Go to" not in chinese and "Hall" in chinese
    assert skeleton.fill({"is_new": True}, values) == new


def test_a_value_that_looks_like_a_mark_is_but_text(skeleton: Skeleton) -> None:
    # Somebody may name his camera so.
    html = skeleton.fill({"is_new": False}, {"title": "\ue000more\ue001 %(more)s", "more": "secret"})
    assert html.count("secret") == 1


def test_only_so_many_texts_are_kept(skeleton: Skeleton, monkeypatch) -> None:
    monkeypatch.setattr(skeletons, "_KEPT_AT_MOST", 2)
    for word in range(5):
        skeleton.fill({"is_new": word}, {"title": "a", "more": "b"})
    assert len(skeleton._texts) == 2
