"""The table of secret addresses, and the copy of it in the proxy's settings."""

import re
from pathlib import Path

from django.conf import settings
from django.urls import get_resolver

from devices.firmware.endpoints import download, esp
from media_pipeline.intake import endpoint as upload
from photohub.lib.log.logs import mask
from photohub.lib.log.secret_paths import SECRET_PATHS

NGINX = Path(settings.BASE_DIR, "deploy", "nginx.conf").read_text()
# Words of addresses that are secrets, and those that only look so: what a person may not see is not found by them.
SECRET_WORDS = {"key", "token", "secret"}
NO_SECRETS = {"/api/v1/firmware/keys/"}


def test_the_proxy_blots_out_the_same_addresses():
    lines = re.findall(r'^ +"~\*\^\(\?<head>(.+)\)\[\^/\]" \$head\.\.\.;$', NGINX, re.MULTILINE)
    assert lines == [path.pattern for path in SECRET_PATHS]


def addresses() -> set[str]:
    """Return every address with a part that is called a secret, up to that part: of Django, and of the endpoints beside it."""
    patterns = [str(pattern) for pattern in _walk(get_resolver().url_patterns, "/")]
    patterns += [endpoint.pattern.replace("(?:", "(") for endpoint in (download.PATH, esp.PATH)]
    found = set()
    for pattern in patterns:
        match = re.search(r"<(?:\w+:)?(\w+)>", pattern)
        if match and match[1] in SECRET_WORDS:
            found.add(pattern[: match.start()].removeprefix("^").removesuffix("(?P"))
    return found - NO_SECRETS


def _walk(patterns, head: str):
    for one in patterns:
        path = head + str(one.pattern)
        yield from _walk(one.url_patterns, path) if hasattr(one, "url_patterns") else [path]


def test_every_address_with_a_secret_in_it_stands_in_the_table():
    found = addresses()
    assert {"/panel/", "/panel/i/", "/broker/", "/setup/", "/ota/f/", "/ota/esp/"} <= found
    assert found <= {path.prefix for path in SECRET_PATHS} and upload.serves("/api/upload/word")


def test_each_is_masked_in_the_log():
    for path in SECRET_PATHS:
        assert "sesame7" not in mask(f"GET http://hub:8000{path.prefix}sesame7?x=1 404"), path
