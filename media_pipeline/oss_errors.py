"""Say in words what went wrong with OSS, and whether waiting, or a person, can help.

    MirrorError
    ├── configuration   a person must change a setting: the whole mirror pauses (table below, any other 403)
    ├── permanent       this object can never succeed (any other 4xx)
    └── temporary       timeouts, connections, DNS, 408, 429, 5xx

The sentences are our own and never quote an answer, whose text may repeat keys and signatures.
"""

import requests

from media_pipeline.oss_transport import NotOSS
from media_pipeline.stores import MirrorError

# OSS error code → (word, sentence)
CONFIGURATION = {
    "InvalidAccessKeyId": (
        "access_key",
        "OSS does not know the access key. Check OSS_ACCESS_KEY_ID; the key may be disabled.",
    ),
    "SignatureDoesNotMatch": (
        "signature",
        "OSS refused the signature. Check OSS_ACCESS_KEY_SECRET, OSS_BUCKET and OSS_SIGNATURE.",
    ),
    "InvalidSigningRegion": (
        "region",
        "OSS refused the region. Set OSS_REGION to the bucket's region, for example cn-hangzhou.",
    ),
    "InvalidSecurityToken": ("token", "OSS refused the session token. Renew OSS_SESSION_TOKEN and the keys."),
    "SecurityTokenExpired": ("token", "The session token has expired. Renew OSS_SESSION_TOKEN and the keys."),
    "AccessDenied": (
        "denied",
        "OSS denied access. Check that the key may put, get and delete in OSS_BUCKET under OSS_PREFIX, "
        "and that OSS_ENDPOINT is the bucket's own.",
    ),
    "UserDisable": ("account", "The OSS account is disabled or in arrears. Check it in the Aliyun console."),
    "RequestTimeTooSkewed": (
        "clock",
        "OSS refused this machine's clock, which is more than 15 minutes off. Correct the clock.",
    ),
    "NoSuchBucket": ("bucket", "The bucket does not exist there. Check OSS_BUCKET and OSS_ENDPOINT."),
    "InvalidBucketName": ("bucket", "OSS_BUCKET is not a valid bucket name. Check it."),
    "PublicEndpointForbidden": (
        "public_endpoint",
        "This account may not use the default public endpoint. Set OSS_ENDPOINT to the internal one or to a "
        "custom domain with OSS_CNAME.",
    ),
    "SecondLevelDomainForbidden": (
        "endpoint",
        "OSS refused this address. Set OSS_ENDPOINT to a region's endpoint, without the bucket in it.",
    ),
}
# Raised by other codes than 5xx, yet only waiting helps.
TEMPORARY_STATUS = {408, 425, 429}


def explain_server_error(status: int, code: str, message: str, request_id: str) -> MirrorError:
    """Turn an answer of OSS into a MirrorError; `message` only tells apart codes that mean two things."""
    trace = f" (request {request_id})" if request_id else ""
    if code == "InvalidArgument" and "region" in (message or "").lower():
        code = "InvalidSigningRegion"
    if code in CONFIGURATION:
        word, sentence = CONFIGURATION[code]
        return MirrorError(sentence + trace, word, configuration=True)
    name = f"{status} {code}".strip()
    if code == "FileAlreadyExists":
        return MirrorError("The key is already taken.", "exists", permanent=True)
    if status in (401, 403):
        sentence = f"OSS refused the request with {name}. Check the key's policy and OSS_ENDPOINT.{trace}"
        return MirrorError(sentence, "denied", configuration=True)
    if status == 404:
        # Without a code this is not OSS speaking, but something between, so it says nothing about the key.
        sentence = f"OSS answered {name}, but not about the object. Check OSS_ENDPOINT.{trace}"
        return MirrorError(sentence, "endpoint", configuration=True)
    if status < 400:
        sentence = f"OSS sent the request elsewhere ({name}). Check OSS_ENDPOINT and OSS_REGION.{trace}"
        return MirrorError(sentence, "endpoint", configuration=True)
    if status >= 500 or status in TEMPORARY_STATUS:
        return MirrorError(f"OSS answered {name}. It will be tried again.{trace}", "server")
    if code in ("InvalidDigest", "RequestTimeout", "IncompleteBody"):
        return MirrorError(
            f"The bytes were damaged on the way ({name}). They are sent again.{trace}", "damaged"
        )
    return MirrorError(f"OSS refused this object with {name}.{trace}", "refused", permanent=True)


def explain_request_error(error: Exception, host: str) -> MirrorError:
    """Turn a failed conversation into a MirrorError."""
    if isinstance(error, NotOSS):
        return _explain_stranger(error.status, host)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return MirrorError(f"{host} did not accept a connection in time. It will be tried again.", "timeout")
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error).lower():
        return MirrorError(f"{host} did not answer in time. It will be tried again.", "timeout")
    if isinstance(error, requests.exceptions.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        sentence = f"{host} does not speak TLS at that port. Check scheme and port of OSS_ENDPOINT."
        return MirrorError(sentence, "endpoint", configuration=True)
    if isinstance(error, requests.exceptions.SSLError):
        sentence = f"The certificate of {host} was refused. Check OSS_ENDPOINT and this machine's clock."
        return MirrorError(sentence, "certificate", configuration="CERTIFICATE_VERIFY_FAILED" in str(error))
    if isinstance(error, requests.exceptions.ProxyError):
        sentence = f"The proxy did not reach {host}. Check HTTPS_PROXY and NO_PROXY."
        return MirrorError(sentence, "proxy")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return MirrorError("OSS_ENDPOINT is not a usable address. Check it.", "settings", configuration=True)
    return MirrorError(f"{host} cannot be reached. Check the network; it will be tried again.", "unreachable")


def _explain_stranger(status: int, host: str) -> MirrorError:
    if status >= 500 or status in TEMPORARY_STATUS:
        # A balancer or proxy whose back end is away says so itself.
        return MirrorError(f"{host} answered {status}. It will be tried again.", "server")
    sentence = (
        f"{host} answered {status}, but not as OSS does: a proxy, a login page or another program. "
        "Check OSS_ENDPOINT, HTTPS_PROXY and NO_PROXY, and whether this network asks for a login."
    )
    return MirrorError(sentence, "endpoint", configuration=True)
