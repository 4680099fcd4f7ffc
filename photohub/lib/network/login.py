"""Logging in to a server over HTTP: Basic (RFC 7617) and Digest (RFC 7616, and 2069 without `qop`), as a client.

A `Login` is kept over many requests. It sends nothing before the server asked; then it answers the first challenge of
the server's list that it knows, Digest before Basic, and keeps to it: a nonce serves for many requests, each with the
next count, until the server names another one.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$)))?")
_READ_AT_MOST = 8192


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


_HASHES: dict[str, Callable[[bytes], str]] = {"MD5": _md5, "SHA-256": _sha256}
if "sha512_256" in hashlib.algorithms_available:
    _HASHES["SHA-512-256"] = _sha512_256


@dataclass(frozen=True)
class Challenge:
    """One way in that a server offers: its scheme in small letters, its parameters as they came between quotes."""

    scheme: str
    parameters: dict[str, str]

    def get(self, name: str) -> str:
        """Return a parameter without the backslashes that quote its characters."""
        return re.sub(r"\\(.)", r"\1", self.parameters.get(name, ""))

    @property
    def is_stale(self) -> bool:
        return self.get("stale").lower() == "true"


def read_challenges(text: str) -> list[Challenge]:
    """Read the value of WWW-Authenticate; several lines of it are joined by commas. Nonsense is passed over."""
    found: list[Challenge] = []
    text, at = text[:_READ_AT_MOST], 0
    while at < len(text):
        if parameter := _PARAMETER.match(text, at):
            if found:
                name, quoted, plain = parameter.groups()
                found[-1].parameters.setdefault(name.lower(), quoted if quoted is not None else plain)
            at = parameter.end()
        elif scheme := _SCHEME.match(text, at):
            found.append(Challenge(scheme[1].lower(), {}))
            at = scheme.end()
        else:
            at += 1
    return found


class Digest:
    """A Digest challenge that is being answered: the nonce, and how often it was used."""

    def __init__(self, challenge: Challenge) -> None:
        name = (challenge.get("algorithm") or "MD5").upper()
        self.is_session = name.endswith("-SESS")
        self.hash = _HASHES.get(name.removesuffix("-SESS"))
        offered = [word.strip().lower() for word in challenge.get("qop").split(",") if word.strip()]
        self.qop = next((word for word in ("auth", "auth-int") if word in offered), "")
        self.is_known = bool(self.hash and "nonce" in challenge.parameters and (self.qop or not offered))
        self.challenge = challenge
        self.nonce = challenge.get("nonce")
        self.count = 0
        self.cnonce = secrets.token_hex(8)

    def renew(self, nonce: str) -> None:
        """Go on with the nonce that the server named for the next request."""
        self.nonce, self.count, self.cnonce = nonce, 0, secrets.token_hex(8)
        self.challenge.parameters["nonce"] = nonce

    def answer(self, username: str, password: str, method: str, target: str) -> str:
        """Return the header's value for a request without a body."""
        self.count += 1
        realm, count = self.challenge.get("realm"), f"{self.count:08x}"
        secret = self._digest(f"{username}:{realm}:{password}")
        if self.is_session:
            secret = self._digest(f"{secret}:{self.nonce}:{self.cnonce}")
        what = f"{method}:{target}" + (f":{self._digest('')}" if self.qop == "auth-int" else "")
        used = f":{count}:{self.cnonce}:{self.qop}" if self.qop else ""
        response = self._digest(f"{secret}:{self.nonce}{used}:{self._digest(what)}")
        words = [*self._naming(username, realm), f'uri="{target}"', f'response="{response}"']
        for name in ("realm", "nonce", "opaque"):
            if name in self.challenge.parameters:
                words.append(f'{name}="{self.challenge.parameters[name]}"')
        if "algorithm" in self.challenge.parameters:
            words.append(f"algorithm={self.challenge.get('algorithm')}")
        if self.qop:
            words += [f"qop={self.qop}", f"nc={count}", f'cnonce="{self.cnonce}"']
        return "Digest " + ", ".join(words)

    def _naming(self, username: str, realm: str) -> list[str]:
        if self.challenge.get("userhash").lower() == "true":
            return [f'username="{self._digest(f"{username}:{realm}")}"', "userhash=true"]
        if not username.isascii():
            return [f"username*=UTF-8''{quote(username, safe='')}"]
        escaped = re.sub(r'(["\\])', r"\\\1", username)
        return [f'username="{escaped}"']

    def _digest(self, text: str) -> str:
        if self.hash is None:
            raise ValueError("The challenge's algorithm is not known.")
        return self.hash(text.encode())


class Login:
    """A user name and a password for one server."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._digest: Digest | None = None
        self._is_basic = False

    def header(self, method: str, target: str) -> str | None:
        """Return the value of Authorization for the next request; None as long as the server has not asked."""
        if self._digest is not None:
            return self._digest.answer(self._username, self._password, method, target)
        if self._is_basic:
            pair = f"{self._username}:{self._password}".encode()
            return "Basic " + base64.b64encode(pair).decode()
        return None

    def learn(self, challenges: str) -> bool:
        """Take what a 401 says; tell whether another request can have another end."""
        known = [Digest(found) for found in read_challenges(challenges) if found.scheme == "digest"]
        digest = next((found for found in known if found.is_known), None)
        was_basic, self._is_basic, self._digest = self._is_basic, digest is None, digest
        # Small boards refuse without saying how they want to be asked; they know Basic.
        return digest is not None or not was_basic

    @property
    def is_stale(self) -> bool:
        """Tell whether the last 401 came only because the nonce had grown old."""
        return self._digest is not None and self._digest.challenge.is_stale

    def note_next(self, info: str) -> None:
        """Take what a good answer's Authentication-Info says of the next nonce."""
        found = read_challenges(f"x {info}") if info and self._digest is not None else []
        nonce = found[0].get("nextnonce") if found else ""
        if nonce and self._digest is not None:
            self._digest.renew(nonce)

    def forget(self) -> None:
        """Begin anew with the next request."""
        self._digest, self._is_basic = None, False
