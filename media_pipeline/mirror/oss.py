"""Aliyun OSS: the one module that knows the oss2 SDK. Its errors stay in here; MirrorError comes out.

Import it through `stores.open_mirror()` or a STORAGES entry only, because `import oss2` takes 0.3 s.
"""

import base64
import contextlib
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import fastcrc
import oss2
import requests
from django.conf import settings
from django.core.files.base import File
from django.utils import timezone
from django.utils.deconstruct import deconstructible
from oss2.models import HeadObjectResult
from storages.base import BaseStorage
from storages.utils import clean_name, setting

from photohub.lib.files.bucket_settings import BucketSettingError, OSSSettings, check_oss, read_cname
from photohub.lib.pages.sentences import said

from .oss_errors import explain_request_error, explain_server_error
from .oss_transport import LeanSession
from .probe import is_loopback, run_probe
from .stores import (
    MirrorError,
    ProbeStep,
    PutResult,
    clean_key,
    hash_source,
    key_taken,
    open_source,
)

LONGEST_EXPIRES_S = 604800  # signature V4 refuses more than seven days
SPOOL_SIZE_BYTES = 1024 * 1024
CACHE_CONTROL = "private, max-age=31536000, immutable"

# At DEBUG this logger prints headers and strings to sign, at INFO whole error answers with the key's id.
logging.getLogger("oss2").setLevel(logging.WARNING)


@deconstructible(path="media_pipeline.mirror.oss.OSSStorage")
class OSSStorage(BaseStorage):
    """Keep files in an OSS bucket: a Django storage and a MirrorStore in one.

    `endpoint` is where this process puts and reads, and may be an internal one. `public_endpoint` or `cname`
    (a custom domain, or True when `public_endpoint` is one) is what URLs are made for. Nothing is sent until
    the first operation, and URLs are made without any request.
    """

    name = "oss"
    # The settings: django-storages sets each as an attribute.
    endpoint: str
    public_endpoint: str
    region: str
    bucket: str
    access_key_id: str
    access_key_secret: str
    session_token: str
    cname: str | bool
    prefix: str
    signature: str
    connect_timeout_s: float
    read_timeout_s: float
    url_expires_s: int

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lock = threading.Lock()
        self._clients: dict[tuple[int, str], oss2.Bucket] = {}

    def get_default_settings(self) -> dict[str, Any]:
        return {
            "endpoint": setting("OSS_ENDPOINT", ""),
            "public_endpoint": setting("OSS_PUBLIC_ENDPOINT", ""),
            "region": setting("OSS_REGION", ""),
            "bucket": setting("OSS_BUCKET", ""),
            "access_key_id": setting("OSS_ACCESS_KEY_ID", ""),
            "access_key_secret": setting("OSS_ACCESS_KEY_SECRET", ""),
            "session_token": setting("OSS_SESSION_TOKEN", ""),
            "cname": setting("OSS_CNAME", False),
            "prefix": setting("OSS_PREFIX", ""),
            "signature": setting("OSS_SIGNATURE", "v4"),
            "connect_timeout_s": 3,
            "read_timeout_s": 20,
            "url_expires_s": 600,
        }

    # What the mirror needs

    def put_file(self, path: str | Path, key: str, content_type: str, crc64: int | None = None) -> PutResult:
        """Store the file under the key and return only when OSS shows the same bytes there.

        The same bytes again are a success; other bytes under the key are a permanent "key_taken" error.
        crc64: what the file had when it was received, if known; a file that changed since is not sent.
        """
        with open_source(path) as source:
            crc, md5 = Crc64(), hashlib.md5(usedforsecurity=False)
            size_bytes = hash_source(source, crc, md5)
            if crc64 is not None and crc64 != crc.value:
                sentence = said(
                    "The picture's file %(name)s changed since it was received; not mirrored.",
                    name=Path(path).name,
                )
                raise MirrorError(sentence, "changed_local", permanent=True, local=True)
            sent = self._send(self._key(key), source, content_type, crc.value, md5.digest())
        head = self._head(key)
        if head is None:
            raise MirrorError(
                said("OSS took the picture but does not show it. It is sent again later."), "inconsistent"
            )
        stored_crc = _crc64_of(head)
        same = (
            stored_crc == crc.value
            if stored_crc is not None
            else (head.etag or "").lower() == md5.hexdigest()
        )
        if head.content_length != size_bytes or not same:
            if not sent:
                raise key_taken(key)
            raise MirrorError(
                said("OSS returned different bytes than were sent. It will be tried again."), "inconsistent"
            )
        return PutResult(head.etag or "", stored_crc, size_bytes)

    def put(self, path: str | Path, key: str, content_type: str) -> PutResult:
        """Store the file under the key (MirrorStore)."""
        return self.put_file(path, key, content_type)

    def head(self, key: str) -> PutResult | None:
        """Tell size and checksum of the object; None only when OSS itself says that there is none."""
        found = self._head(key)
        return (
            None
            if found is None
            else PutResult(found.etag or "", _crc64_of(found), found.content_length or 0)
        )

    def public_url(self, key: str) -> str:
        """Return the plain URL, which strangers can read only if the bucket is public-read."""
        return self.url(key, signed=False)

    def signed_url(self, key: str, expires_s: int) -> str:
        """Return a URL that anybody can read until it expires."""
        return self.url(key, expires_s=expires_s)

    def probe(self) -> list[ProbeStep]:
        """Test the bucket for real."""
        # Django's File reads like any other.
        # pyrefly: ignore[bad-argument-type]
        return run_probe(self)

    # What Django asks of a storage

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("OSS objects are opened for reading only; use save() to write one.")
        # The body is read to its end at once: this frees the connection, proves the CRC and allows seeking.
        spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_SIZE_BYTES)
        try:
            self._download(name, spool)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return File(spool, name)

    def _save(self, name: str, content: File) -> str:
        content_type = getattr(content, "content_type", None) or oss2.utils.content_type_by_name(name)
        stream: Any = getattr(content, "file", content)
        crc = Crc64()
        content.seek(0)
        hash_source(stream, crc)
        while not self._send(self._key(name), stream, content_type or "application/octet-stream", crc.value):
            # Somebody else took the name after get_available_name() found it free.
            name = self.get_available_name(name)
            content.seek(0)
        return name

    def exists(self, name: str) -> bool:
        """Answer False only when OSS says that the key is absent; an outage raises."""
        return self._head(name) is not None

    def size(self, name: str) -> int:
        return self._present(name).content_length or 0

    def get_modified_time(self, name: str) -> datetime:
        modified = datetime.fromtimestamp(self._present(name).last_modified or 0, UTC)
        return modified if settings.USE_TZ else timezone.make_naive(modified)

    def delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), self._translated():
            self._api().delete_object(self._key(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """List folder names and file names directly under the path, relative to it."""
        path = path.strip("/.")
        folder = f"{self._key(path) if path else self.prefix.strip('/')}/".lstrip("/")
        folders, files = [], []
        with self._translated():
            for item in oss2.ObjectIteratorV2(self._api(), prefix=folder, delimiter="/", max_retries=1):
                name = item.key[len(folder) :].rstrip("/")
                if name:
                    (folders if item.is_prefix() else files).append(name)
        return folders, files

    # Django's takes a name alone; more is left to each storage.
    # pyrefly: ignore[bad-override]
    def url(
        self,
        name: str,
        expires_s: int | None = None,
        signed: bool = True,
        params: dict[str, str] | None = None,
    ) -> str:
        """Return the object's URL for the public endpoint, without asking OSS.

        params, such as x-oss-process, are covered by the signature.
        """
        expires_s = min(max(int(expires_s or self.url_expires_s), 1), LONGEST_EXPIRES_S)
        role = "sign" if signed else "plain"
        url = self._client(role).sign_url("GET", self._key(name), expires_s, params=params, slash_safe=True)
        return url.removesuffix("?")

    # Inside

    def _key(self, name: str) -> str:
        return clean_key(clean_name(name), self.prefix)

    def _send(
        self, key: str, stream: IO[bytes], content_type: str, crc: int, md5: bytes | None = None
    ) -> bool:
        """Put the bytes, whose CRC-64 is known; False when the key is already there."""
        headers = {
            "Content-Type": content_type,
            "Content-Disposition": "inline",
            "Cache-Control": CACHE_CONTROL,
            "x-oss-forbid-overwrite": "true",
        }
        if md5 is not None:
            headers["Content-MD5"] = base64.b64encode(md5).decode()
        try:
            with self._translated(may_be_absent=False):
                stored = self._api().put_object(key, stream, headers=headers)
        except MirrorError as error:
            if error.word == "exists":
                return False
            raise
        if stored.crc is not None and stored.crc != crc:
            sentence = said(
                "OSS computed a different checksum than PhotoHub. The picture will be sent again."
            )
            raise MirrorError(sentence, "inconsistent")
        return True

    def _head(self, name: str) -> HeadObjectResult | None:
        """Ask for an object's figures; None only when OSS itself says NoSuchKey."""
        key = self._key(name)
        try:
            with self._translated():
                try:
                    return self._api().head_object(key)
                except oss2.exceptions.NotFound as error:
                    if error.code:
                        raise
                    # An answer to HEAD has no body, and old servers do not name the error in a header. Only
                    # a GET can then tell an absent key from an absent bucket or a lost proxy.
                    self._api().get_object(key, byte_range=(0, 0)).read()
                    return self._api().head_object(key)
        except FileNotFoundError:
            return None

    def _present(self, name: str) -> HeadObjectResult:
        head = self._head(name)
        if head is None:
            raise FileNotFoundError(f"There is no object {name} in the mirror.")
        return head

    def _download(self, name: str, target: IO[bytes]) -> None:
        with self._translated():
            answer, crc = self._api().get_object(self._key(name)), Crc64()
            for chunk in answer:
                crc.update(chunk)
                target.write(chunk)
        if answer.server_crc is not None and crc.value != answer.server_crc:
            raise MirrorError(said("The data from OSS was damaged in transit. Try again."), "inconsistent")

    def _api(self) -> oss2.Bucket:
        return self._client("api")

    def _client(self, role: str) -> oss2.Bucket:
        """Return this process's client: "api" puts and reads, "sign" and "plain" only make public URLs."""
        with self._lock:
            # A connection pool must not be shared with the parent of a fork.
            identity = (os.getpid(), role)
            if identity not in self._clients:
                with self._translated():
                    self._clients[identity] = self._build(role)
            return self._clients[identity]

    def _build(self, role: str) -> oss2.Bucket:
        checked = self._checked()
        own_domain = read_cname(self.cname) is not False
        endpoint, is_cname = checked.public_endpoint or checked.endpoint, own_domain
        if role == "api":
            # A custom domain serves requests as well, if it is the only address that was given.
            is_cname = own_domain and checked.public_endpoint in ("", checked.endpoint)
            endpoint = checked.endpoint
        session = LeanSession(pool_size=16, trusts_environment=not is_loopback(endpoint))
        return oss2.Bucket(
            oss2.AnonymousAuth() if role == "plain" else self._auth(),
            endpoint,
            self.bucket,
            is_cname=is_cname,
            session=session,
            connect_timeout=(self.connect_timeout_s, self.read_timeout_s),
            # Its own checksums need a package that is slow unless it finds a compiler; ours are fast everywhere.
            enable_crc=False,
            app_name="PhotoHub",
            region=checked.region,
        )

    def _auth(self) -> Any:
        version = self.signature or "v4"
        if version not in ("v4", "v1"):
            sentence = said(
                "OSS_SIGNATURE is '%(version)s'. Set it to v4, or to v1 for an old private cloud.",
                version=version,
            )
            raise MirrorError(sentence, "settings", configuration=True)
        if self.session_token:
            return oss2.StsAuth(self.access_key_id, self.access_key_secret, self.session_token, version)
        return oss2.make_auth(self.access_key_id, self.access_key_secret, version)

    def _checked(self) -> OSSSettings:
        """Return the settings completed; a storage of Django's was not checked at start."""
        cname = read_cname(self.cname)
        try:
            return check_oss(
                endpoint=self.endpoint,
                public_endpoint=cname if isinstance(cname, str) else self.public_endpoint,
                region=self.region,
                bucket=self.bucket,
                cname=bool(cname),
                v4=self.signature != "v1",
                links=False,
            )
        except BucketSettingError as error:
            raise MirrorError(str(error), "settings", configuration=True) from None

    @contextmanager
    def _translated(self, may_be_absent: bool = True) -> Generator[None]:
        """Turn every error of the SDK into ours. Theirs may hold signed strings, so they are not chained.

        `may_be_absent`: the operation reads, so OSS may say that there is no such object (FileNotFoundError).
        """
        host = urlsplit(f"//{self.endpoint.split('://')[-1]}").hostname or "the endpoint"
        try:
            yield
        except oss2.exceptions.RequestError as error:
            raise explain_request_error(error.exception, host) from None
        except requests.RequestException as error:
            raise explain_request_error(error, host) from None
        except oss2.exceptions.ServerError as error:
            if may_be_absent and (error.status, error.code) == (404, "NoSuchKey"):
                raise FileNotFoundError("There is no such object in the mirror.") from None
            raise explain_server_error(error.status, error.code, error.message, error.request_id) from None
        except (oss2.exceptions.OssError, ValueError, TypeError):
            sentence = said(
                "The OSS client refused the settings. Check OSS_ENDPOINT, OSS_BUCKET and OSS_REGION."
            )
            raise MirrorError(sentence, "settings", configuration=True) from None


class Crc64:
    """CRC-64 as OSS computes it (CRC-64/XZ), with the `update` that hash objects have."""

    def __init__(self) -> None:
        self.value = 0

    def update(self, chunk: bytes) -> None:
        self.value = fastcrc.crc64.xz(chunk, self.value)


def _crc64_of(head: HeadObjectResult) -> int | None:
    value = head.headers.get("x-oss-hash-crc64ecma", "")
    return int(value) if value.isdigit() else None
