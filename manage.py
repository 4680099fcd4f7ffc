#!/usr/bin/env python3
"""Start any PhotoHub command; the first start sets up its Python environment beside this file."""

import gc
import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def load(file):
    # By its path, because importing the package would run photohub/__init__.py, which may need
    # packages that are not installed yet.
    spec = importlib.util.spec_from_file_location(f"photohub_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    if sys.version_info < (3, 11):
        sys.exit("PhotoHub needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])
    bootstrap = load(ROOT / "photohub" / "start" / "bootstrap.py")
    testing = sys.argv[1:2] == ["test"]
    if testing:
        programs = load(ROOT / "tests" / "programs.py")
        programs.set_up(bootstrap, ROOT, sys.argv[2:], sys.stderr)
    bootstrap.ensure(ROOT, dev=testing)
    if testing:
        load(ROOT / "tests" / "suite.py").run(bootstrap, programs, ROOT, sys.argv[2:])
    load(ROOT / "photohub" / "start" / "bytecode.py").keep(ROOT)
    # Imports make many objects that stay: to look through all of them again and again took a tenth of a start. What serves
    # begins to look when everything is loaded (photohub.start.serving.settle).
    gc.set_threshold(10_000, 10, 10)
    if sys.argv[1:2] in (["up"], ["web"]):
        gc.disable()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "photohub.settings")
    # Only now, because Django and the project can be imported only inside the environment.
    from django.core.management import execute_from_command_line

    from photohub.env import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.exit(f"PhotoHub cannot start: {error}")


if __name__ == "__main__":
    main()
