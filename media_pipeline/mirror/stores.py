"""Mirror stores: where pictures are copied to, behind one interface.

    MirrorStore            name                          module
    ├── none               (no mirror)                   -
    ├── file               a folder, often on a disk     media_pipeline.mirror.folder
    ├── oss                Aliyun OSS                    media_pipeline.mirror.oss   (imports oss2)
    └── s3                 anything that speaks S3       media_pipeline.mirror.s3    (imports boto3)

Importing oss2 costs 0.3 s and boto3 about as much, so a store's module is imported when it is first opened.
"""

import importlib
import io
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from photohub.lib.pages.sentences import Said, said

KINDS = ("none", "file", "oss", "s3")
PATH_OF_CLASS = {
    "file": ("media_pipeline.mirror.folder", "FolderStore"),
    "oss": ("media_pipeline.mirror.oss", "OSSStorage"),
    "s3": ("media_pipeline.mirror.s3", "S3Store"),
}
# Option of the store's class → the Django setting that fills it.
OPTIONS = {
    "file": {"folder": "PHOTOHUB_MIRROR_FOLDER"},
    "oss": {
        "endpoint": "OSS_ENDPOINT",
        "public_endpoint": "OSS_PUBLIC_ENDPOINT",
        "region": "OSS_REGION",
        "bucket": "OSS_BUCKET",
        "access_key_id": "OSS_ACCESS_KEY_ID",
        "access_key_secret": "OSS_ACCESS_KEY_SECRET",
        "session_token": "OSS_SESSION_TOKEN",
        "cname": "OSS_CNAME",
        "prefix": "OSS_PREFIX",
        "signature": "OSS_SIGNATURE",
    },
    "s3": {
        "endpoint_url": "S3_ENDPOINT_URL",
        "region": "S3_REGION",
        "bucket": "S3_BUCKET",
        "access_key_id": "S3_ACCESS_KEY_ID",
        "secret_access_key": "S3_SECRET_ACCESS_KEY",
        "addressing_style": "S3_ADDRESSING_STYLE",
        "prefix": "S3_PREFIX",
    },
}
REQUIRED = {
    "file": ("folder",),
    "oss": ("endpoint", "bucket", "access_key_id", "access_key_secret"),
    "s3": ("bucket", "access_key_id", "secret_access_key"),
}
READ_SIZE_BYTES = 256 * 1024


class MirrorError(Exception):
    """Say in one sentence why the mirror did not do what it was asked.

    word: one stable word for rows, metrics and tests, such as "key_taken" or "unreachable".
    permanent: trying this object again cannot help. configuration: no object can succeed until a person
    changes a setting, so the whole mirror should pause. Neither: temporary, try again later.
    local: it is about this hub's own file, one picture only, and tells nothing of the mirror.
    """

    def __init__(
        self,
        sentence: str | Said,
        word: str,
        permanent: bool = False,
        configuration: bool = False,
        local: bool = False,
    ) -> None:
        super().__init__(sentence, word, permanent, configuration, local)
        self.said = sentence
        self.word = word
        self.permanent = permanent
        self.configuration = configuration
        self.local = local

    @property
    def sentence(self) -> str:
        """Return the sentence in the language that is active."""
        return str(self.said)

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class PutResult:
    """What the store holds now. crc64 is None where the store does not know CRC-64."""

    etag: str
    crc64: int | None
    size_bytes: int


@dataclass(frozen=True)
class ProbeStep:
    """One step of a live test: "put", "read back", "public read" or "delete"."""

    name: str
    ok: bool
    sentence: str
    elapsed_ms: float


class MirrorStore(Protocol):
    """Keep copies of files under keys.

    Keys are relative: a store puts its own prefix before them. Every method raises MirrorError and nothing
    else, but `open` of an absent key raises FileNotFoundError. `exists` answers False only when the store
    itself says so. `head` tells what is there without fetching it, None when the store says that nothing is;
    its etag is empty where only the bytes themselves could tell. The URL methods never touch the network;
    None means that the store has no such URL.
    `public_url` works for strangers only where the bucket is public-read; `signed_url` always does.
    """

    name: str

    def put(self, path: str | Path, key: str, content_type: str) -> PutResult: ...
    def open(self, key: str) -> IO[bytes]: ...
    def delete(self, key: str) -> None: ...
    def exists(self, key: str) -> bool: ...
    def head(self, key: str) -> PutResult | None: ...
    def public_url(self, key: str) -> str | None: ...
    def signed_url(self, key: str, expires_s: int) -> str | None: ...
    def probe(self) -> list[ProbeStep]: ...


_opened: dict[tuple[object, ...], MirrorStore] = {}
_opening = threading.Lock()


def open_mirror(settings: Any) -> MirrorStore | None:
    """Open the store that the settings name, once per process; None when there is no mirror."""
    kind = str(getattr(settings, "PHOTOHUB_MIRROR", "none") or "none")
    if kind not in KINDS:
        sentence = said(
            "PHOTOHUB_MIRROR is '%(kind)s', which is no mirror. Set it to none, file, oss or s3.", kind=kind
        )
        raise MirrorError(sentence, "settings", configuration=True)
    if kind == "none":
        return None
    options = _options(kind, settings)
    # The process id is part of the identity because a connection pool must not be shared across a fork.
    identity = (os.getpid(), kind, *options.values())
    with _opening:
        if identity not in _opened:
            module_name, class_name = PATH_OF_CLASS[kind]
            _opened[identity] = getattr(importlib.import_module(module_name), class_name)(**options)
        return _opened[identity]


def _options(kind: str, settings: Any) -> dict[str, Any]:
    options = {option: getattr(settings, name, None) or "" for option, name in OPTIONS[kind].items()}
    missing = [OPTIONS[kind][option] for option in REQUIRED[kind] if not options[option]]
    if missing:
        sentence = said(
            "PHOTOHUB_MIRROR is '%(kind)s', but %(missing)s is not set. Set it.",
            kind=kind,
            missing=" and ".join(missing),
        )
        raise MirrorError(sentence, "settings", configuration=True)
    return options


class _LocalFile(io.FileIO):
    """Says of a failed read that it is this hub's disk: an SDK would take it for a fault of the network."""

    def readinto(self, buffer: Any) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            raise _unreadable(self.name, error) from error


def _unreadable(path: str | Path, error: OSError) -> MirrorError:
    sentence = said(
        "The picture's file %(name)s cannot be read: %(why)s. Check the disk.",
        name=Path(path).name,
        why=error.strerror,
    )
    return MirrorError(sentence, "unreadable_local", local=True)


@contextmanager
def open_source(path: str | Path) -> Generator[IO[bytes]]:
    """Open the local file that is to be mirrored. Only its own faults are translated, never those of the block."""
    try:
        source = io.BufferedReader(_LocalFile(str(path)))
    except FileNotFoundError as error:
        sentence = said(
            "The picture's file %(name)s is gone from the data folder; it cannot be mirrored.",
            name=Path(path).name,
        )
        raise MirrorError(sentence, "missing_local", permanent=True, local=True) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with source:
        yield source


def hash_source(source: IO[bytes], *digests: Any) -> int:
    """Feed everything in the file to the digests, rewind, and return the size in bytes."""
    size_bytes = 0
    while chunk := source.read(READ_SIZE_BYTES):
        size_bytes += len(chunk)
        for digest in digests:
            digest.update(chunk)
    source.seek(0)
    return size_bytes


def clean_key(key: str, prefix: str = "") -> str:
    """Join prefix and key; refuse a key that would leave its place."""
    parts = key.split("/")
    if not key or "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        sentence = said(
            "'%(key)s' is no usable key: it must be a relative path without empty or dotted names.",
            key=key[:80],
        )
        raise MirrorError(sentence, "bad_key", permanent=True)
    prefix = prefix.strip("/")
    full_key = f"{prefix}/{key}" if prefix else key
    if len(full_key.encode()) > 1023:
        raise MirrorError(said("The key is longer than 1023 bytes; shorten it."), "bad_key", permanent=True)
    return full_key


def key_taken(key: str) -> MirrorError:
    """Build the error for a key that holds other bytes: nothing is ever overwritten."""
    sentence = said(
        "The mirror has a different file at %(key)s; nothing was overwritten. Compare the two.", key=key
    )
    return MirrorError(sentence, "key_taken", permanent=True)
