"""The addresses that hold a secret: firmware and people who can only be given an address carry their proof in it.

One table for every log. `deploy/nginx.conf` holds the same, and a test compares the two.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class SecretPath:
    """What stands behind `prefix` is secret: one segment, or with `rest` all of it. `spared` words are none."""

    prefix: str
    rest: bool = False
    spared: tuple[str, ...] = ()
    at_least: int = 1

    @property
    def pattern(self) -> str:
        """Return the regular expression of a path up to its secret, in the form that Python and nginx share."""
        spared = f"(?!(?:{'|'.join(self.spared)})(?:/|\\s|$))" if self.spared else ""
        return f"{re.escape(self.prefix)}{spared}"

    @property
    def secret(self) -> str:
        more = "+" if self.at_least == 1 else f"{{{self.at_least},}}"
        return r"[^\s\"'?]+" if self.rest else rf"[^/\s\"'?]{more}"


SECRET_PATHS = (
    SecretPath("/api/upload/"),
    SecretPath("/ota/esp/"),
    SecretPath("/ota/f/"),
    SecretPath("/panel/i/"),
    SecretPath("/panel/", spared=("next", "i")),
    SecretPath("/broker/"),
    SecretPath("/setup/", rest=True),
    SecretPath("/invitation/", rest=True),
    # The codes of lasting and shared links; a shorter word is none.
    SecretPath("/p/", at_least=6),
    SecretPath("/s/", at_least=6),
)
