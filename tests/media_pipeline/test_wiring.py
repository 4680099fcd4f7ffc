"""Who hears of what is decided when Django starts, and never by what happened to be imported."""

import ast
import os
import subprocess
import sys

import pytest
from django.conf import settings as configured

from media_pipeline import wiring
from media_pipeline.captures import for_panels as showing
from media_pipeline.links import publish
from media_pipeline.maintenance import deleting
from tests.test_architecture import modules, tree_of

# A shell that has imported nothing but what Django itself loads.
SHELL = """
import django
django.setup()
import sys
before = set(sys.modules)
from devices.panels.sources import fetching, sources as picture_sources
from devices.registry import removing
from devices.commands import results
print(*sorted(f"{f.__module__}.{f.__name__}" for f in [
    *sum(removing._listeners, ()), *results._listeners, *picture_sources._by_id, *picture_sources._newest, *fetching._own_links
]))
if "celery" not in sys.modules:
    print("no celery")
    raise SystemExit
from celery import signals
print(*sorted(name for name in ("setup_logging", "worker_ready") if getattr(signals, name).receivers))
"""
CONNECTING = ("connect", "listen", "on_", "subscribe", "receiver", "add_listener", "hook")


@pytest.mark.parametrize(
    ("redis", "wired"), [("", "no celery"), ("redis://a:1/0", "setup_logging worker_ready")]
)
def test_a_bare_shell_is_wired_like_every_process(redis, wired):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "photohub.settings", "REDIS_URL": redis}
    done = subprocess.run(
        [sys.executable, "-c", SHELL],
        cwd=configured.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
    )
    heard, signals = done.stdout.splitlines()
    removal = (deleting.clear_pictures_of, deleting.count_pictures_of)
    expected = (*removal, publish.hear_result, showing.read_by_id, showing.read_newest, showing.read_link)
    names = [f"{f.__module__}.{f.__name__}" for f in expected]
    assert heard.split() == sorted(names), done.stderr
    assert signals == wired


def connects(node: ast.stmt) -> bool:
    """Tell whether a statement of a module hands something to somebody when it is imported."""
    calls = [node.value] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else []
    called = [call.func for call in calls] + list(getattr(node, "decorator_list", []))
    names = [ast.unparse(each).split("(")[0].rsplit(".", 1)[-1] for each in called]
    return any(name.startswith(CONNECTING) for name in names)


@pytest.mark.parametrize(
    "text",
    [
        "removing.on_remove(f)",
        "showing.listen()",
        "@ready.connect\ndef f(): ...",
        "@receiver(x)\ndef f(): ...",
    ],
)
def test_a_module_that_connects_itself_would_be_noticed(text):
    assert connects(ast.parse(text).body[0])


def test_importing_connects_nothing():
    wrong = [name for name, path in modules().items() if any(connects(n) for n in tree_of(path).body)]
    assert wrong == []


def test_connecting_again_changes_nothing():
    before = len(wiring.removing._listeners)
    wiring.connect()
    assert len(wiring.removing._listeners) == before
