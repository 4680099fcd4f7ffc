"""Addresses that somebody typed: split, and refused in a sentence when they cannot be used."""

from urllib.parse import SplitResult, urlsplit


def read_address(url: str, schemes: tuple[str, ...]) -> SplitResult:
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
