"""Any object store that speaks S3, through django-storages. Import it through `stores.open_mirror()` only."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from storages.backends.s3 import S3Storage

from media_pipeline.probe import is_loopback, run_probe
from media_pipeline.stores import (
    MirrorError,
    ProbeStep,
    PutResult,
    clean_key,
    hash_source,
    key_taken,
    open_source,
)

LONGEST_EXPIRES_S = 604800
CACHE_CONTROL = "private, max-age=31536000, immutable"
CONFIGURATION = {
    "InvalidAccessKeyId": ("access_key", "The store does not know the access key. Check S3_ACCESS_KEY_ID."),
    "SignatureDoesNotMatch": (
        "signature",
        "The store refused the signature. Check S3_SECRET_ACCESS_KEY and S3_REGION.",
    ),
    "AuthorizationHeaderMalformed": ("region", "The store refused the region. Check S3_REGION."),
    "RequestTimeTooSkewed": ("clock", "The store refused this machine's clock. Correct the clock."),
    "NoSuchBucket": ("bucket", "The bucket does not exist there. Check S3_BUCKET and S3_ENDPOINT_URL."),
    "SecondLevelDomainForbidden": (
        "endpoint",
        "The store refuses this address. Set S3_ADDRESSING_STYLE=virtual.",
    ),
}
ABSENT = {"404", "NoSuchKey", "NotFound"}


class S3Store:
    """Mirror into an S3 bucket."""

    name = "s3"

    def __init__(
        self,
        bucket: str,
        access_key_id: str,
        secret_access_key: str,
        endpoint_url: str = "",
        region: str = "",
        addressing_style: str = "",
        prefix: str = "",
    ) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.storage = S3Storage(
            access_key=access_key_id,
            secret_key=secret_access_key,
            bucket_name=bucket,
            endpoint_url=endpoint_url or None,
            region_name=region or None,
            client_config=_config(endpoint_url, addressing_style),
        )

    def put(self, path: str | Path, key: str, content_type: str) -> PutResult:
        """Store the file under the key and return only when the store shows the same bytes there.

        S3 knows no CRC-64, so the SHA-256 travels as metadata. Nothing is overwritten: a key is looked up
        first, and two writers of one key write the same bytes because keys hold a hash.
        """
        full_key = clean_key(key, self.prefix)
        with open_source(path) as source:
            sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
            size_bytes = hash_source(source, sha256, md5)
            head = self._head(full_key)
            if head is not None:
                if not _same(head, size_bytes, sha256.hexdigest(), md5.hexdigest()):
                    raise key_taken(key)
                return PutResult(head["ETag"].strip('"'), None, size_bytes)
            self._send(full_key, source, content_type, sha256.hexdigest(), md5.digest())
        head = self._head(full_key)
        if head is None or not _same(head, size_bytes, sha256.hexdigest(), md5.hexdigest()):
            sentence = "The store does not show the bytes that were sent. They will be compared again."
            raise MirrorError(sentence, "inconsistent")
        return PutResult(head["ETag"].strip('"'), None, size_bytes)

    def open(self, key: str) -> IO[bytes]:
        """Open the object for reading; FileNotFoundError when it is absent."""
        full_key = clean_key(key, self.prefix)
        with self._translated():
            stored = self.storage.open(full_key, "rb")
            # The body is fetched here, where errors are still ours, and not at the caller's first read.
            stored.readable()
            _ = stored.file
        return stored

    def delete(self, key: str) -> None:
        """Delete the object; deleting an absent one is a success."""
        with self._translated():
            self.storage.delete(clean_key(key, self.prefix))

    def exists(self, key: str) -> bool:
        """Answer False only when the store says that the key is absent; an outage raises.

        An absent bucket also answers False: S3's answer to HEAD does not say which of the two is missing.
        """
        return self._head(clean_key(key, self.prefix)) is not None

    def head(self, key: str) -> PutResult | None:
        """Tell size and ETag of the object; None only when the store says that there is none."""
        found = self._head(clean_key(key, self.prefix))
        return found and PutResult(found["ETag"].strip('"'), None, found["ContentLength"])

    def public_url(self, key: str) -> str:
        """Return the plain URL, which strangers can read only if the bucket is public-read."""
        return self.signed_url(key, 60).split("?")[0]

    def signed_url(self, key: str, expires_s: int) -> str:
        """Return a URL that anybody can read until it expires."""
        with self._translated():
            expires_s = min(max(expires_s, 1), LONGEST_EXPIRES_S)
            return self.storage.url(clean_key(key, self.prefix), expire=expires_s)

    def probe(self) -> list[ProbeStep]:
        """Test the bucket for real."""
        return run_probe(self)

    def _send(self, key: str, source: IO[bytes], content_type: str, sha256: str, md5: bytes) -> None:
        with self._translated():
            self._client().put_object(
                Bucket=self.bucket,
                Key=key,
                Body=source,
                ContentType=content_type,
                ContentMD5=b64encode(md5).decode(),
                ContentDisposition="inline",
                CacheControl=CACHE_CONTROL,
                Metadata={"sha256": sha256},
            )

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            with self._translated():
                return self._client().head_object(Bucket=self.bucket, Key=key)
        except FileNotFoundError:
            return None

    def _client(self) -> Any:
        # django-storages keeps one connection per thread: boto3's resources must not be shared.
        return self.storage.connection.meta.client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise _explain_answer(error) from None
        except (ConnectTimeoutError, ReadTimeoutError):
            raise MirrorError("The store did not answer in time. It is tried again.", "timeout") from None
        except (EndpointConnectionError, HTTPClientError):
            sentence = (
                "The store cannot be reached. Check S3_ENDPOINT_URL and the network; it is tried again."
            )
            raise MirrorError(sentence, "unreachable") from None
        except (NoCredentialsError, ParamValidationError, ValueError):
            sentence = "The S3 client refused the settings. Check S3_BUCKET, S3_REGION and S3_ENDPOINT_URL."
            raise MirrorError(sentence, "settings", configuration=True) from None
        except BotoCoreError as error:
            sentence = f"The S3 client failed ({type(error).__name__}). It will be tried again."
            raise MirrorError(sentence, "server") from None


def _config(endpoint_url: str, addressing_style: str) -> Config:
    return Config(
        # Since boto3 1.36 a checksum is added to every put by default, in a chunked encoding that Aliyun OSS
        # and other stores refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        signature_version="s3v4",
        connect_timeout=3,
        read_timeout=20,
        # Trying again is the mirror's own work, on the row.
        retries={"total_max_attempts": 1},
        s3={"addressing_style": addressing_style or "auto"},
        proxies={} if is_loopback(endpoint_url) else None,
    )


def _same(head: dict[str, Any], size_bytes: int, sha256: str, md5: str) -> bool:
    known = head.get("Metadata", {}).get("sha256")
    same = known == sha256 if known else head["ETag"].strip('"').lower() == md5
    return head["ContentLength"] == size_bytes and same


def _explain_answer(error: ClientError) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in CONFIGURATION:
        word, sentence = CONFIGURATION[code]
        return MirrorError(sentence, word, configuration=True)
    if code in ABSENT:
        return FileNotFoundError("There is no such object in the mirror.")
    name = code if code.isdigit() else f"{status} {code}".strip()
    if status in (301, 307, 401, 403):
        sentence = f"The store refused the request with {name}. Check the key's policy and S3_ENDPOINT_URL."
        return MirrorError(sentence, "denied", configuration=True)
    if status >= 500 or status in (0, 408, 425, 429):
        return MirrorError(f"The store answered {name}. It will be tried again.", "server")
    return MirrorError(f"The store refused this object with {name}.", "refused", permanent=True)
