"""The real swupdate against a running hub: images that it takes, and the program with a temporary folder as its board.

Debian's swupdate is built for signed images only, so each .swu carries a CMS signature of its sw-description. It knows
whether an update was put in from its boot loader's environment; without one, `confirm` says so, as an init script does.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.hub_process import inherited

INSTALLED, FAILED = "2", "3"


@cache
def _maker() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "maker")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(key, SHA256()), key


def certificate() -> bytes:
    """Return the certificate that the boards trust, as PEM."""
    return _maker()[0].public_bytes(Encoding.PEM)


def make_swu(version: str, image: bytes, target: Path, *, sha256: str = "") -> bytes:
    """Return an update that writes `image` to the file `target`; another `sha256` spoils it."""
    said = sha256 or hashlib.sha256(image).hexdigest()
    item = f'{{ filename = "image.bin"; path = "{target}"; sha256 = "{said}"; }}'
    told = f'software = {{ version = "{version}"; hardware-compatibility = ["1.0"]; files = ( {item} ); }}'
    certificate, key = _maker()
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    signed = pkcs7.PKCS7SignatureBuilder().set_data(told.encode()).add_signer(certificate, key, SHA256())
    signature = signed.sign(Encoding.DER, options)
    return cpio({"sw-description": told.encode(), "sw-description.sig": signature, "image.bin": image})


def cpio(files: dict[str, bytes]) -> bytes:
    """Return an archive in the one form that swupdate reads: `cpio -H crc`."""
    archive = b""
    for number, (name, data) in enumerate({**files, "TRAILER!!!": b""}.items(), 1):
        called = name.encode() + b"\0"
        fields = (number, 0o100644, 1, 0, 0, 0, len(data), 0, 0, 0, 0, len(called), sum(data) & 0xFFFFFFFF)
        archive += b"070702" + b"".join(b"%08X" % value for value in fields) + called
        archive += bytes(-len(archive) % 4) + data + bytes(-len(data) % 4)
    return archive


@dataclass
class Swupdate:
    """One board: what it says of itself, and swupdate as its program."""

    folder: Path
    url: str
    code: str
    key: str
    identity: dict[str, str] = field(default_factory=lambda: {"board": "x1"})
    speed: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "maker.pem").write_bytes(certificate())

    @property
    def image(self) -> Path:
        """Return where an update is written to."""
        return self.folder / "installed"

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @contextmanager
    def running(self, confirm: str = "") -> Iterator[subprocess.Popen]:
        """Run swupdate as its unit does; `confirm` is what the start after an update says of it."""
        pairs = ", ".join(f'{{ name = "{n}"; value = "{v}"; }}' for n, v in self.identity.items())
        (self.folder / "swupdate.cfg").write_text(f"globals : {{ }};\nidentify : ( {pairs} );\n")
        told = f"-t DEFAULT -u {self.url} -i {self.code} -k {self.key} -p 1 -r 20 -w 1"
        told += f" -c {confirm}" * bool(confirm) + f" -n {self.speed}" * bool(self.speed)
        command = ["swupdate", "-v", "-l", "6", "-f", self.folder / "swupdate.cfg", "-H", "board:1.0"]
        command += ["-k", self.folder / "maker.pem", "-u", told]
        env = inherited() | {"TMPDIR": str(self.folder)}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield process
            finally:
                # It forks; the group is its own, so nothing of it stays.
                os.killpg(process.pid, 9)
                process.wait()
