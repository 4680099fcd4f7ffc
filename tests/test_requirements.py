"""Each requirement is used, and none lies over another."""

import ast
import re
from collections import Counter
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest

from tests.test_architecture import ROOT

# What is asked for although no module of ours imports it.
NAMED_ONLY = {
    "argon2-cffi": "settings: PASSWORD_HASHERS",
    "boto3": "media_pipeline/mirror/s3.py, through django-storages",
    "daphne": "tests/servers.py: one of the servers that the endpoints are tried under",
    "django-csp": "settings: MIDDLEWARE",
    "django-stubs": "tests/test_types.py: the types of Django",
    "djlint": "tests/test_templates.py: run as a program",
    "gunicorn": "tests/servers.py: one of the servers that the endpoints are tried under",
    "httptools": "photohub/start/serving.py: uvicorn's parser",
    "openapi-python-client": "tests/photohub/api/test_openapi.py: run as a program",
    "pip-tools": "makes the lock files",
    "pyrefly": "tests/test_types.py: run as a program",
    "pytest-asyncio": "a plugin of pytest",
    "pytest-django": "a plugin of pytest",
    "pytest-rerunfailures": "a plugin of pytest",
    "pytest-timeout": "a plugin of pytest",
    "ruff": "the linter",
}
# The same files at the same version, whichever is installed last: package → the folder that it brings along.
BRINGS_ALONG = {"cssbeautifier": "jsbeautifier/"}


def wanted(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    found = (re.match(r"[A-Za-z0-9_.-]+", line) for line in lines if not line.startswith(("-", "#", " ")))
    return {match[0].lower().replace("_", "-") for match in found if match}


def imported() -> set[str]:
    names: set[str] = set()
    folders = ("photohub", "devices", "media_pipeline", "simulators", "tests", "benchmarks", "tools")
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    owners = packages_distributions()
    return {owner.lower().replace("_", "-") for name in names for owner in owners.get(name, ())}


def test_every_requirement_is_imported_or_has_its_reason():
    asked, used = wanted("requirements.in") | wanted("requirements-dev.in"), imported()
    assert asked - used == NAMED_ONLY.keys() & asked
    assert NAMED_ONLY.keys() <= asked


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_no_two_packages_own_the_same_file(lock):
    # Whichever is installed last would win, and with it how quick the hub is, or what it does.
    owners: Counter[str] = Counter()
    for name in wanted("requirements.txt") | wanted(lock):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue  # For another platform or version of Python.
        alien = BRINGS_ALONG.get(name, "/")
        owners.update({str(f) for f in files if f.suffix in (".py", ".so") and not str(f).startswith(alien)})
    assert {file: n for file, n in owners.items() if n > 1} == {}
