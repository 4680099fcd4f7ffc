"""Serving a few files of npm packages as `vendor/…`, by an allow-list; nothing is copied and nothing else is seen."""

from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

FILES = {
    "vendor/photoswipe.css": "photoswipe/dist/photoswipe.css",
    "vendor/photoswipe.min.js": "photoswipe/dist/photoswipe.esm.min.js",
    "vendor/uplot.css": "uplot/dist/uPlot.min.css",
    "vendor/uplot.min.js": "uplot/dist/uPlot.iife.min.js",
}


class _Storage(FileSystemStorage):
    """Maps the public name to the file inside node_modules."""

    def path(self, name: str) -> str:
        return str(Path(self.location) / FILES[name])


class VendorFinder(BaseFinder):
    """Finds the allow-listed files that npm installed; without npm there are none, and pages do without."""

    def __init__(self, app_names=None, *args, **kwargs) -> None:
        self._folder = Path(settings.BASE_DIR) / "node_modules"
        self._storage = _Storage(location=str(self._folder))

    def check(self, **kwargs) -> list:
        return []

    # Django calls it by name, old and new name of the argument alike.
    # pyrefly: ignore[bad-override]
    def find(self, path: str, find_all: bool = False, **kwargs):
        file = self._folder / FILES[path] if path in FILES else None
        found = [str(file)] if file and file.is_file() else []
        return found if find_all else (found[0] if found else [])

    def list(self, ignore_patterns):
        for name, source in FILES.items():
            if (self._folder / source).is_file():
                yield name, self._storage


def available() -> bool:
    """Tell whether the lightbox's files are there."""
    return is_there("vendor/photoswipe.min.js")


def is_there(name: str) -> bool:
    """Tell whether npm installed this file."""
    return (Path(settings.BASE_DIR) / "node_modules" / FILES[name]).is_file()
