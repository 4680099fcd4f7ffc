"""Any object store that speaks S3, through django-storages. Import it through `stores.open_mirror()` only."""

import contextlib
import hashlib
import tempfile
from base64 import b64encode
from collections.abc import Generator
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
from django.utils.translation import gettext_noop
from storages.backends.s3 import S3Storage

from photohub.lib.pages.sentences import said

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

LONGEST_EXPIRES_S = 604800
SPOOL_SIZE_BYTES = 1024 * 1024
CACHE_CONTROL = "private, max-age=31536000, immutable"
CONFIGURATION = {
    "InvalidAccessKeyId": (
        "access_key",
        gettext_noop("The store does not know the access key. Check S3_ACCESS_KEY_ID."),
    ),
    "SignatureDoesNotMatch": (
        "signature",
        gettext_noop("The store refused the signature. Check S3_SECRET_ACCESS_KEY and S3_REGION."),
    ),
    "AuthorizationHeaderMalformed": (
        "region",
        gettext_noop("The store refused the region. Check S3_REGION."),
    ),
    "RequestTimeTooSkewed": (
        "clock",
        gettext_noop("The store refused this machine's clock. Correct the clock."),
    ),
    "NoSuchBucket": (
        "bucket",
        gettext_noop("The bucket does not exist there. Check S3_BUCKET and S3_ENDPOINT_URL."),
    ),
    "SecondLevelDomainForbidden": (
        "endpoint",
        gettext_noop("The store refuses this address. Set S3_ADDRESSING_STYLE=virtual."),
    ),
}
ABSENT = {"NoSuchKey", "NotFound"}
TEMPORARY_STATUS = {0, 408, 425, 429}
# What an answer to HEAD says, which has no body: the key may be absent, or the bucket, or this may be no store at all.
NAMELESS = "404"


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
        self._is_custom = bool(endpoint_url)
        self.storage = S3Storage(
            access_key=access_key_id,
            secret_key=secret_access_key,
            bucket_name=bucket,
            endpoint_url=endpoint_url or None,
            region_name=region or None,
            client_config=Config(
                # Since boto3 1.36 a checksum is added to every put by default, in a chunked encoding that Aliyun OSS
                # and other stores refuse.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                signature_version="s3v4",
                connect_timeout=3,
                read_timeout=20,
                # Trying again is the mirror's own work, on the row.
                retries={"total_max_attempts": 1},
                # Checked at the start to be one of the three words.
                # pyrefly: ignore[bad-argument-type]
                s3={"addressing_style": addressing_style or "auto"},
                proxies={} if is_loopback(endpoint_url) else None,
            ),
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
                return _result_of(head)
            self._send(full_key, source, content_type, sha256.hexdigest(), md5.digest())
        head = self._head(full_key)
        if head is None or not _same(head, size_bytes, sha256.hexdigest(), md5.hexdigest()):
            sentence = said("The store did not return the data that was sent. It will be compared again.")
            raise MirrorError(sentence, "inconsistent")
        return _result_of(head)

    def open(self, key: str) -> IO[bytes]:
        """Open the object for reading; FileNotFoundError when it is absent."""
        # The body is read to its end at once: errors are still ours here, and the connection is free again.
        spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_SIZE_BYTES)
        try:
            with self._translated(may_be_absent=True, named=True):
                answer = _must_be_s3(
                    self._client().get_object(Bucket=self.bucket, Key=clean_key(key, self.prefix))
                )
                for chunk in answer["Body"].iter_chunks(SPOOL_SIZE_BYTES):
                    spool.write(chunk)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return spool

    def delete(self, key: str) -> None:
        """Delete the object; deleting an absent one is a success."""
        with contextlib.suppress(FileNotFoundError), self._translated(may_be_absent=True, named=True):
            answer = self._client().delete_object(Bucket=self.bucket, Key=clean_key(key, self.prefix))
            if answer["ResponseMetadata"]["HTTPStatusCode"] != 204:
                # A login page answers 200 to everything, and the copy would be forgotten without being gone.
                _must_be_s3(answer, named_by="x-amz-request-id")

    def exists(self, key: str) -> bool:
        """Answer False only when the store says that the key is absent; an outage or an absent bucket raises."""
        return self.head(key) is not None

    def head(self, key: str) -> PutResult | None:
        """Tell size and ETag of the object; None only when the store says that there is none."""
        full_key = clean_key(key, self.prefix)
        found = self._head(full_key)
        if found is None:
            self._prove_absent(full_key)
            return None
        return _result_of(found)

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
            answer = self._client().put_object(
                Bucket=self.bucket,
                Key=key,
                Body=source,
                ContentType=content_type,
                ContentMD5=b64encode(md5).decode(),
                ContentDisposition="inline",
                CacheControl=CACHE_CONTROL,
                Metadata={"sha256": sha256},
            )
            _must_be_s3(answer)

    def _head(self, key: str) -> dict[str, Any] | None:
        """Ask for an object's figures; None when the key, or more than it, is absent."""
        try:
            with self._translated(may_be_absent=True):
                return _must_be_s3(self._client().head_object(Bucket=self.bucket, Key=key))
        except FileNotFoundError:
            return None

    def _prove_absent(self, key: str) -> None:
        """Make sure that it is the key which is absent: only an answer with a body names what is."""
        with contextlib.suppress(FileNotFoundError), self._translated(may_be_absent=True, named=True):
            self._client().get_object(Bucket=self.bucket, Key=key, Range="bytes=0-0")["Body"].close()

    def _client(self) -> Any:
        # django-storages keeps one connection per thread: boto3's resources must not be shared.
        client = self.storage.connection.meta.client
        if self._is_custom:
            client.meta.events.register("before-call.s3", _stay_here, unique_id="photohub-stay-here")
        return client

    @contextmanager
    def _translated(self, may_be_absent: bool = False, named: bool = False) -> Generator[None]:
        """Turn every error of the SDK into ours.

        `may_be_absent`: the operation reads, so the store may say that there is no such object (FileNotFoundError).
        `named`: it has to say so by name.
        """
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if may_be_absent and (code in ABSENT or (code == NAMELESS and not named)):
                raise FileNotFoundError("There is no such object in the mirror.") from None
            raise _explain_answer(error) from None
        except (ConnectTimeoutError, ReadTimeoutError):
            raise MirrorError(
                said("The store did not answer in time. It will be tried again."), "timeout"
            ) from None
        except HTTPClientError as error:
            if isinstance(own := error.kwargs.get("error"), MirrorError):
                raise own from None  # Reading the hub's own file failed, and the SDK took it for the network.
            raise _unreachable() from None
        except EndpointConnectionError:
            raise _unreachable() from None
        except (NoCredentialsError, ParamValidationError, ValueError):
            sentence = said(
                "The S3 client refused the settings. Check S3_BUCKET, S3_REGION and S3_ENDPOINT_URL."
            )
            raise MirrorError(sentence, "settings", configuration=True) from None
        except BotoCoreError as error:
            sentence = said(
                "The S3 client failed (%(why)s). It will be tried again.", why=type(error).__name__
            )
            raise MirrorError(sentence, "server") from None


def _stay_here(context: dict[str, Any], **_: Any) -> None:
    """Say that a redirect was followed already. botocore would ask where the bucket is, and be redirected, for ever.

    Amazon's own addresses are left alone: there it finds the region of a bucket in this way.
    """
    if "s3_redirect" in context:
        context["s3_redirect"]["redirected"] = True


def _unreachable() -> MirrorError:
    sentence = said(
        "The store cannot be reached. Check S3_ENDPOINT_URL and the network; it will be tried again."
    )
    return MirrorError(sentence, "unreachable")


def _must_be_s3(answer: dict[str, Any], named_by: str = "etag") -> dict[str, Any]:
    """Refuse a success without the header by which a store answers: a login page says 200 to everything."""
    if named_by in answer["ResponseMetadata"]["HTTPHeaders"]:
        return answer
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    sentence = said(
        "The answer %(status)s is not that of a store: a proxy, a login page or another "
        "program. Check S3_ENDPOINT_URL, HTTPS_PROXY and NO_PROXY, and whether this network "
        "asks for a login.",
        status=status,
    )
    raise MirrorError(sentence, "endpoint", configuration=True)


def _result_of(head: dict[str, Any]) -> PutResult:
    return PutResult(head["ETag"].strip('"'), None, head["ContentLength"])


def _same(head: dict[str, Any], size_bytes: int, sha256: str, md5: str) -> bool:
    known = head.get("Metadata", {}).get("sha256")
    same = known == sha256 if known else head["ETag"].strip('"').lower() == md5
    return head["ContentLength"] == size_bytes and same


def _explain_answer(error: ClientError) -> MirrorError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in CONFIGURATION:
        word, sentence = CONFIGURATION[code]
        return MirrorError(said(sentence), word, configuration=True)
    name = code if code.isdigit() else f"{status} {code}".strip()
    if 300 <= status < 400:
        sentence = said(
            "The request was sent elsewhere (%(answer)s). Check S3_REGION and S3_ENDPOINT_URL.", answer=name
        )
        return MirrorError(sentence, "endpoint", configuration=True)
    if status in (401, 403):
        sentence = said(
            "The store refused the request with %(answer)s. Check the key's policy and S3_ENDPOINT_URL.",
            answer=name,
        )
        return MirrorError(sentence, "denied", configuration=True)
    if status == 404 or (status < 500 and status not in TEMPORARY_STATUS and (not code or code.isdigit())):
        # Not about the key: it may be the bucket, a proxy, or another program on that port. A store names its errors.
        sentence = said(
            "The store answered %(answer)s, but not about the object. Check S3_ENDPOINT_URL and S3_BUCKET.",
            answer=name,
        )
        return MirrorError(sentence, "endpoint", configuration=True)
    if status >= 500 or status in TEMPORARY_STATUS:
        return MirrorError(
            said("The store answered %(answer)s. It will be tried again.", answer=name), "server"
        )
    return MirrorError(
        said("The store refused this object with %(answer)s.", answer=name), "refused", permanent=True
    )
