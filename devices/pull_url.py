"""Addresses of cameras that are servers themselves, and are pulled."""

from urllib.parse import SplitResult

from photohub.lib.web_address import read_address

SCHEMES = ("http", "https", "tcp")
MASK = "***"


def read_pull_url(url: str, schemes: tuple[str, ...] = SCHEMES) -> SplitResult:
    """Split an address of one of these schemes. Raises ValueError, in a sentence for a person."""
    return read_address(url, schemes)


def mask_password(url: str) -> str:
    """Return the address with its password hidden, for people who may look but not manage."""
    scheme, colon, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    name, has_password, _password = login.partition(":")
    return f"{scheme}{colon}{name}:{MASK}{at}{host}" if has_password and at else url
