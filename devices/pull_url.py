"""Addresses of cameras that are servers themselves, and are pulled."""

from urllib.parse import SplitResult, urlsplit

SCHEMES = ("http", "https", "tcp")
MASK = "***"


def read_pull_url(url: str, schemes: tuple[str, ...] = SCHEMES) -> SplitResult:
    """Split an address of one of these schemes. Raises ValueError, in a sentence for a person."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise ValueError("This is not an address.") from error
    if not usable or any(c.isspace() or not c.isprintable() for c in url):
        raise ValueError(
            f"The address must begin with {' or '.join(f'{s}://' for s in schemes)} and name a host."
        )
    if parts.scheme == "tcp" and parts.port is None:
        raise ValueError("A tcp:// address needs a port.")
    return parts


def mask_password(url: str) -> str:
    """Return the address with its password hidden, for people who may look but not manage."""
    scheme, colon, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    name, has_password, _password = login.partition(":")
    return f"{scheme}{colon}{name}:{MASK}{at}{host}" if has_password and at else url
