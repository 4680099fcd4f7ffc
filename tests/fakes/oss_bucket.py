"""The bucket behind the fake OSS: its objects, its answers, and the faults that were asked for."""

import base64
import hashlib
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import quote
from xml.sax.saxutils import escape

import fastcrc

from tests.fakes.oss_signatures import Account, Refused, SignedRequest

# CRC-64/XZ, which Aliyun calls crc64ecma.
crc64 = fastcrc.crc64.xz
KEPT_HEADERS = re.compile(r"content-(type|disposition|encoding|language)|cache-control|x-(oss|amz)-meta-.+")


@dataclass(frozen=True)
class StoredObject:
    """One object as it was put."""

    body: bytes
    etag: str
    crc64: int
    headers: dict[str, str]
    modified_at_s: float


@dataclass
class Fault:
    """Something that goes wrong `times` times, or until heal() when None."""

    kind: str
    times: int | None
    methods: tuple[str, ...]
    status: int = 500
    code: str = "InternalError"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class FakeBucket:
    """Hold objects and faults; everything here may be read and changed at any time.

    counts: requests by method, and "auth failures". clock_offset_s moves the server's clock.
    """

    def __init__(self, bucket: str, session_token: str) -> None:
        self.bucket = bucket
        self.account = Account("test-key-id", "test-key-secret", "cn-test", session_token)
        self.objects: dict[str, StoredObject] = {}
        self.counts: Counter[str] = Counter()
        self.cnames: set[str] = set()
        self.public_read = False
        self.check_signatures = True
        self.names_errors_on_head = True
        self.reports_crc = True
        self.force_download = False
        self.clock_offset_s = 0.0
        self.latency_s = 0.0
        self.stranger_is_mute = False
        self.lock = threading.Lock()
        self.released = threading.Event()
        self._faults: list[Fault] = []

    def fail(
        self, status: int = 503, code: str = "ServiceUnavailable", times: int | None = None, method: str = ""
    ) -> None:
        """Answer with an error instead of doing anything."""
        self._add("fail", times, method, status, code)

    def hang(self, times: int | None = None, method: str = "", after_headers: bool = False) -> None:
        """Never answer, or never send the body after the headers, until heal() or stop()."""
        self._add("hang after headers" if after_headers else "hang", times, method)

    def stranger(self, status: int = 200, times: int | None = None, method: str = "") -> None:
        """Answer as a proxy, a login page or another program does: HTML, and none of the service's headers.

        With `stranger_is_mute` the body is empty.
        """
        self._add("stranger", times, method, status)

    def wrong_crc(self, times: int | None = None, method: str = "PUT") -> None:
        """Report a CRC-64 that is not that of the bytes."""
        self._add("wrong crc", times, method)

    def accept_then_drop(self, times: int | None = None, method: str = "PUT") -> None:
        """Do what is asked, then cut the connection without an answer."""
        self._add("drop", times, method)

    def forget(self, times: int | None = None) -> None:
        """Answer a put with success and keep nothing."""
        self._add("forget", times, "PUT")

    def heal(self) -> None:
        """End every fault and let the hanging requests go."""
        self.latency_s = 0.0
        with self.lock:
            self._faults.clear()
        self.released.set()

    def take_fault(self, kind: str, method: str) -> Fault | None:
        """Use up one turn of the first fault that applies."""
        if not self._faults:
            return None
        with self.lock:
            for fault in self._faults:
                if fault.kind == kind and (not fault.methods or method in fault.methods):
                    if fault.times is not None:
                        fault.times -= 1
                    self._faults = [each for each in self._faults if each.times != 0]
                    return fault
        return None

    def _add(self, kind: str, times: int | None, method: str, status: int = 500, code: str = "") -> None:
        self.released.clear()
        with self.lock:
            self._faults.append(Fault(kind, times, (method,) if method else (), status, code))


def put_answer(oss: FakeBucket, request: SignedRequest, body: bytes) -> Answer:
    """Store an object unless its MD5 is wrong or the key is taken and must not be."""
    headers = request.headers
    digest = hashlib.md5(body, usedforsecurity=False)
    if headers.get("content-md5", "") not in ("", base64.b64encode(digest.digest()).decode()):
        raise Refused(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
    if "aws-chunked" in headers.get("content-encoding", ""):
        raise Refused(400, "NotImplemented", "aws-chunked encoding is not supported.")
    kept = {name: value for name, value in headers.items() if KEPT_HEADERS.fullmatch(name)}
    etag, crc = digest.hexdigest().upper(), crc64(body)
    forgotten = oss.take_fault("forget", "PUT")
    with oss.lock:
        if headers.get("x-oss-forbid-overwrite") == "true" and request.key in oss.objects:
            raise Refused(409, "FileAlreadyExists", "The object you specified already exists.")
        if not forgotten:
            oss.objects[request.key] = StoredObject(body, etag, crc, kept, time.time())
    return Answer(200, b"", {"ETag": f'"{etag}"', **crc_header(oss, "PUT", crc)})


def get_answer(oss: FakeBucket, request: SignedRequest, own_domain: bool) -> Answer:
    """Show an object, whole or a range of it."""
    stored = oss.objects.get(request.key)
    if stored is None:
        raise Refused(404, "NoSuchKey", "The specified key does not exist.")
    headers = {
        "Last-Modified": formatdate(stored.modified_at_s, usegmt=True),
        "ETag": f'"{stored.etag}"',
        "Accept-Ranges": "bytes",
        "x-oss-object-type": "Normal",
        **crc_header(oss, request.method, stored.crc64),
        **stored.headers,
    }
    if oss.force_download and not own_domain:
        headers |= {"content-disposition": "attachment", "x-oss-force-download": "true"}
    status, body, size_bytes = 200, stored.body, len(stored.body)
    if found := re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", "")):
        first = int(found[1]) if found[1] else max(size_bytes - int(found[2] or 0), 0)
        last = min(int(found[2]), size_bytes - 1) if found[1] and found[2] else size_bytes - 1
        if first <= last:
            status, body = 206, stored.body[first : last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{size_bytes}"
        elif request.headers.get("x-oss-range-behavior") == "standard":
            raise Refused(416, "InvalidRange", "The requested range cannot be satisfied.")
    return Answer(status, body, headers)


def bucket_answer(oss: FakeBucket, request: SignedRequest) -> Answer:
    """Answer GetBucketInfo and ListObjectsV2, the only operations on the bucket that are known here."""
    if request.method == "GET" and "bucketInfo" in request.query:
        acl = "public-read" if oss.public_read else "private"
        xml = (
            f"<BucketInfo><Bucket><Name>{oss.bucket}</Name><Location>oss-{oss.account.region}</Location>"
            "<CreationDate>2026-01-01T00:00:00.000Z</CreationDate><StorageClass>Standard</StorageClass>"
            "<ExtranetEndpoint>oss.test</ExtranetEndpoint><IntranetEndpoint>oss-internal.test</IntranetEndpoint>"
            f"<AccessControlList><Grant>{acl}</Grant></AccessControlList>"
            "<Owner><DisplayName>1</DisplayName><ID>1</ID></Owner></Bucket></BucketInfo>"
        )
        return Answer(200, xml.encode(), {"Content-Type": "application/xml"})
    if request.method == "GET" and request.query.get("list-type") == "2":
        return Answer(200, list_xml(oss, request.query).encode(), {"Content-Type": "application/xml"})
    raise Refused(405, "MethodNotAllowed", "The fake server does not know this operation.")


def list_xml(oss: FakeBucket, query: dict[str, str]) -> str:
    """List keys and common prefixes in order, a page at a time. No xmlns: real OSS sends none either."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("start-after", "")
    names = set()
    for key in list(oss.objects):
        if key.startswith(prefix):
            folder, cut_at, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            names.add(prefix + folder + delimiter if cut_at else key)
    later = sorted(name for name in names if name > after)
    page = later[: int(query.get("max-keys", 100))]
    encode = quote if query.get("encoding-type") == "url" else escape
    rows = []
    for name in page:
        stored = oss.objects.get(name)
        if stored is None:
            rows.append(f"<CommonPrefixes><Prefix>{encode(name)}</Prefix></CommonPrefixes>")
            continue
        modified = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(stored.modified_at_s))
        rows.append(
            f'<Contents><Key>{encode(name)}</Key><LastModified>{modified}</LastModified><ETag>"{stored.etag}"</ETag>'
            f"<Type>Normal</Type><Size>{len(stored.body)}</Size><StorageClass>Standard</StorageClass></Contents>"
        )
    token = encode(page[-1]) if len(later) > len(page) else ""
    next_page = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    encoding = f"<EncodingType>{query['encoding-type']}</EncodingType>" if query.get("encoding-type") else ""
    truncated = f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>"
    return f"<ListBucketResult>{encoding}{truncated}{next_page}{''.join(rows)}</ListBucketResult>"


def error_answer(error: Refused) -> Answer:
    """Write an error as OSS does."""
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}</Message><RequestId>0123456789ABCDEF01234567</RequestId><HostId>oss.test</HostId>"
        "<EC>0000-00000001</EC></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-oss-ec": "0000-00000001", "x-oss-server-time": "1"}
    return Answer(error.status, xml.encode(), headers)


def crc_header(oss: FakeBucket, method: str, crc: int) -> dict[str, str]:
    """Return the CRC-64 header, wrong when that fault is on."""
    wrong = oss.take_fault("wrong crc", method)
    return {"x-oss-hash-crc64ecma": str(crc ^ 1 if wrong else crc)} if oss.reports_crc else {}
