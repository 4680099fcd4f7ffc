"""Verify OSS signatures from first principles, sharing no code with the SDK that makes them."""

import base64
import calendar
import email.utils
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from urllib.parse import quote

LARGEST_SKEW_S = 15 * 60
LONGEST_EXPIRES_S = 604800
# The query names that signature V1 covers, as far as the fake server knows their operations.
V1_SUBRESOURCES = frozenset(
    "acl append bucketInfo callback callback-var continuation-token delete lifecycle location objectMeta "
    "partNumber position response-cache-control response-content-disposition response-content-encoding "
    "response-content-language response-content-type response-expires security-token stat tagging uploadId "
    "uploads versionId versions x-oss-process".split()
)


@dataclass(frozen=True)
class Account:
    """Who may sign, and for which region."""

    access_key_id: str
    access_key_secret: str
    region: str
    session_token: str = ""


@dataclass(frozen=True)
class SignedRequest:
    """What a signature covers: decoded query, header names in lower case, key without leading slash."""

    method: str
    bucket: str
    key: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """Carry the status, code and message of OSS's answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def check_signature(request: SignedRequest, account: Account, now_s: float) -> bool:
    """Return whether the request is signed; raise Refused when it is signed wrongly."""
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("OSS4-HMAC-SHA256 "):
        _check_v4_header(request, account, now_s, authorization)
    elif "x-oss-signature" in request.query:
        _check_v4_url(request, account, now_s)
    elif authorization.startswith("OSS "):
        _check_v1_header(request, account, now_s, authorization)
    elif "Signature" in request.query:
        _check_v1_url(request, account, now_s)
    elif authorization:
        raise Refused(400, "InvalidArgument", "The Authorization header is not understood.")
    else:
        return False
    return True


def _check_v4_header(request: SignedRequest, account: Account, now_s: float, authorization: str) -> None:
    fields = dict(part.strip().split("=", 1) for part in authorization.split(" ", 1)[1].split(","))
    moment = request.headers.get("x-oss-date", "")
    _check_skew(_parse_moment(moment), now_s)
    _check_token(request.headers.get("x-oss-security-token", ""), account)
    additional = fields.get("AdditionalHeaders", "")
    _check_v4(request, account, fields["Credential"], fields["Signature"], moment, additional)


def _check_v4_url(request: SignedRequest, account: Account, now_s: float) -> None:
    query = request.query
    moment, expires = query.get("x-oss-date", ""), query.get("x-oss-expires", "")
    if not expires.isdigit() or not 1 <= int(expires) <= LONGEST_EXPIRES_S:
        raise Refused(400, "AuthorizationQueryParametersError", "x-oss-expires must be 1 to 604800.")
    if now_s > _parse_moment(moment) + int(expires):
        raise Refused(403, "AccessDenied", "Request has expired.")
    if now_s < _parse_moment(moment) - LARGEST_SKEW_S:
        raise Refused(403, "AccessDenied", "Request is not valid yet.")
    _check_token(query.get("x-oss-security-token", ""), account)
    additional = query.get("x-oss-additional-headers", "")
    _check_v4(request, account, query["x-oss-credential"], query["x-oss-signature"], moment, additional)


def _check_v4(
    request: SignedRequest, account: Account, credential: str, signature: str, moment: str, additional: str
) -> None:
    access_key_id, day, region, *rest = credential.split("/")
    _check_access_key(access_key_id, account)
    if region != account.region or rest != ["oss", "aliyun_v4_request"] or day != moment[:8]:
        raise Refused(400, "InvalidArgument", "Invalid signing region in Authorization header.")
    key = b"aliyun_v4" + account.access_key_secret.encode()
    for part in (day, region, "oss", "aliyun_v4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    scope = f"{day}/{region}/oss/aliyun_v4_request"
    canonical = _canonical_v4(request, additional)
    to_sign = f"OSS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    _compare(hmac.digest(key, to_sign.encode(), "sha256").hex(), signature)


def _canonical_v4(request: SignedRequest, additional: str) -> str:
    """Build the canonical request: method, path, query, headers, additional names, payload; one line each."""
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in request.query.items()
        if name != "x-oss-signature"
    )
    query = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    covered = {"content-type", "content-md5", *filter(None, additional.split(";"))}
    headers = "".join(
        f"{name}:{value.strip()}\n"
        for name, value in sorted(request.headers.items())
        if name in covered or name.startswith("x-oss-")
    )
    path = quote(f"/{request.bucket}/{request.key}", safe="/-_.~")
    payload = request.headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD")
    return "\n".join([request.method, path, query, headers, additional, payload])


def _check_v1_header(request: SignedRequest, account: Account, now_s: float, authorization: str) -> None:
    access_key_id, signature = authorization.removeprefix("OSS ").split(":", 1)
    date = request.headers.get("x-oss-date") or request.headers.get("date", "")
    try:
        _check_skew(email.utils.parsedate_to_datetime(date).timestamp(), now_s)
    except ValueError:
        raise Refused(403, "AccessDenied", "The Date header is missing or wrong.") from None
    _check_access_key(access_key_id, account)
    _check_token(request.headers.get("x-oss-security-token", ""), account)
    _compare(_sign_v1(request, account, date), signature)


def _check_v1_url(request: SignedRequest, account: Account, now_s: float) -> None:
    expires = request.query.get("Expires", "")
    if not expires.isdigit() or now_s > int(expires):
        raise Refused(403, "AccessDenied", "Request has expired.")
    _check_access_key(request.query.get("OSSAccessKeyId", ""), account)
    _check_token(request.query.get("security-token", ""), account)
    _compare(_sign_v1(request, account, expires), request.query["Signature"])


def _sign_v1(request: SignedRequest, account: Account, date: str) -> str:
    headers = request.headers
    own = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()) if name.startswith("x-oss-"))
    pairs = sorted((name, value) for name, value in request.query.items() if name in V1_SUBRESOURCES)
    query = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    resource = f"/{request.bucket}/{request.key}{'?' if query else ''}{query}"
    md5, content_type = headers.get("content-md5", ""), headers.get("content-type", "")
    lines = [request.method, md5, content_type, date, own + resource]
    digest = hmac.digest(account.access_key_secret.encode(), "\n".join(lines).encode(), "sha1")
    return base64.b64encode(digest).decode()


def _parse_moment(moment: str) -> float:
    try:
        return calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise Refused(403, "AccessDenied", "x-oss-date is missing or wrong.") from None


def _check_skew(signed_at_s: float, now_s: float) -> None:
    if abs(now_s - signed_at_s) > LARGEST_SKEW_S:
        raise Refused(403, "RequestTimeTooSkewed", "The difference between the clocks is too large.")


def _check_access_key(access_key_id: str, account: Account) -> None:
    if access_key_id != account.access_key_id:
        raise Refused(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist.")


def _check_token(token: str, account: Account) -> None:
    if token != account.session_token:
        raise Refused(403, "InvalidSecurityToken", "The security token is invalid.")


def _compare(expected: str, signature: str) -> None:
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise Refused(403, "SignatureDoesNotMatch", "The signature we calculated does not match.")
