"""Say in words what went wrong with OSS, and whether waiting, or a person, can help.

    MirrorError
    ├── configuration   a person must change a setting: the whole mirror pauses (table below, any other 403)
    ├── permanent       this object can never succeed (any other 4xx)
    └── temporary       timeouts, connections, DNS, 408, 429, 5xx

The sentences are our own and never quote an answer, whose text may repeat keys and signatures.
"""

import requests
from django.utils.translation import gettext_noop as _

from photohub.lib.pages.sentences import Said, said

from .oss_transport import NotOSS
from .stores import MirrorError

# OSS error code → (word, sentence)
CONFIGURATION = {
    "InvalidAccessKeyId": (
        "access_key",
        _("OSS does not know the access key. Check OSS_ACCESS_KEY_ID; the key may be disabled."),
    ),
    "SignatureDoesNotMatch": (
        "signature",
        _("OSS refused the signature. Check OSS_ACCESS_KEY_SECRET, OSS_BUCKET and OSS_SIGNATURE."),
    ),
    "InvalidSigningRegion": (
        "region",
        _("OSS refused the region. Set OSS_REGION to the bucket's region, for example cn-hangzhou."),
    ),
    "InvalidSecurityToken": (
        "token",
        _("OSS refused the session token. Renew OSS_SESSION_TOKEN and the keys."),
    ),
    "SecurityTokenExpired": (
        "token",
        _("The session token has expired. Renew OSS_SESSION_TOKEN and the keys."),
    ),
    "AccessDenied": (
        "denied",
        _(
            "OSS denied access. Check that the key may put, get and delete in OSS_BUCKET under OSS_PREFIX, "
            "and that OSS_ENDPOINT is the bucket's own."
        ),
    ),
    "UserDisable": (
        "account",
        _("The OSS account is disabled or in arrears. Check it in the Aliyun console."),
    ),
    "RequestTimeTooSkewed": (
        "clock",
        _("OSS refused this machine's clock, which is more than 15 minutes off. Correct the clock."),
    ),
    "NoSuchBucket": ("bucket", _("The bucket does not exist there. Check OSS_BUCKET and OSS_ENDPOINT.")),
    "InvalidBucketName": ("bucket", _("OSS_BUCKET is not a valid bucket name. Check it.")),
    "PublicEndpointForbidden": (
        "public_endpoint",
        _(
            "This account may not use the default public endpoint. Set OSS_ENDPOINT to the internal one or to a "
            "custom domain with OSS_CNAME."
        ),
    ),
    "SecondLevelDomainForbidden": (
        "endpoint",
        _("OSS refused this address. Set OSS_ENDPOINT to a region's endpoint, without the bucket in it."),
    ),
}
# Raised by other codes than 5xx, yet only waiting helps.
TEMPORARY_STATUS = {408, 425, 429}


def explain_server_error(status: int, code: str, message: str, request_id: str) -> MirrorError:
    """Turn an answer of OSS into a MirrorError; `message` only tells apart codes that mean two things."""
    if code == "InvalidArgument" and "region" in (message or "").lower():
        code = "InvalidSigningRegion"
    if code in CONFIGURATION:
        word, sentence = CONFIGURATION[code]
        return MirrorError(_traced(said(sentence), request_id), word, configuration=True)
    if code == "FileAlreadyExists":
        return MirrorError(said("The key is already taken."), "exists", permanent=True)
    word, sentence, *kind = _judge(status, code)
    told = said(sentence, answer=f"{status} {code}".strip())
    return MirrorError(_traced(told, request_id), word, **dict.fromkeys(kind, True))


def _judge(status: int, code: str) -> tuple[str, ...]:
    """Return the word, the sentence, and what kind of error it is, of an answer whose code has no sentence of its own."""
    if status in (401, 403):
        sentence = _("OSS refused the request with %(answer)s. Check the key's policy and OSS_ENDPOINT.")
        return "denied", sentence, "configuration"
    if status == 404:
        # Without a code this is not OSS speaking, but something between, so it says nothing about the key.
        sentence = _("OSS answered %(answer)s, but not about the object. Check OSS_ENDPOINT.")
        return "endpoint", sentence, "configuration"
    if status < 400:
        sentence = _("OSS sent the request elsewhere (%(answer)s). Check OSS_ENDPOINT and OSS_REGION.")
        return "endpoint", sentence, "configuration"
    if status >= 500 or status in TEMPORARY_STATUS:
        return "server", _("OSS answered %(answer)s. It will be tried again.")
    if code in ("InvalidDigest", "RequestTimeout", "IncompleteBody"):
        return "damaged", _("The data was damaged in transit (%(answer)s). It will be sent again.")
    return "refused", _("OSS refused this object with %(answer)s."), "permanent"


def _traced(sentence: Said, request_id: str) -> Said:
    """Add the number by which OSS finds the request."""
    return said("%(sentence)s (request %(id)s)", sentence=sentence, id=request_id) if request_id else sentence


def explain_request_error(error: Exception, host: str) -> MirrorError:
    """Turn a failed conversation into a MirrorError."""
    if isinstance(error, NotOSS):
        return _explain_stranger(error.status, host)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return MirrorError(
            said("%(host)s did not accept a connection in time. It will be tried again.", host=host),
            "timeout",
        )
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error).lower():
        return MirrorError(
            said("%(host)s did not answer in time. It will be tried again.", host=host), "timeout"
        )
    if isinstance(error, requests.exceptions.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        sentence = said(
            "%(host)s does not speak TLS at that port. Check scheme and port of OSS_ENDPOINT.", host=host
        )
        return MirrorError(sentence, "endpoint", configuration=True)
    if isinstance(error, requests.exceptions.SSLError):
        sentence = said(
            "The certificate of %(host)s was refused. Check OSS_ENDPOINT and this machine's clock.", host=host
        )
        return MirrorError(sentence, "certificate", configuration="CERTIFICATE_VERIFY_FAILED" in str(error))
    if isinstance(error, requests.exceptions.ProxyError):
        sentence = said("The proxy did not reach %(host)s. Check HTTPS_PROXY and NO_PROXY.", host=host)
        return MirrorError(sentence, "proxy")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return MirrorError(
            said("OSS_ENDPOINT is not a usable address. Check it."), "settings", configuration=True
        )
    return MirrorError(
        said("%(host)s cannot be reached. Check the network; it will be tried again.", host=host),
        "unreachable",
    )


def _explain_stranger(status: int, host: str) -> MirrorError:
    if status >= 500 or status in TEMPORARY_STATUS:
        # A balancer or proxy whose back end is away says so itself.
        return MirrorError(
            said("%(host)s answered %(status)s. It will be tried again.", host=host, status=status), "server"
        )
    sentence = said(
        "%(host)s answered %(status)s, but not as OSS does: a proxy, a login page or another "
        "program. Check OSS_ENDPOINT, HTTPS_PROXY and NO_PROXY, and whether this network asks"
        " for a login.",
        host=host,
        status=status,
    )
    return MirrorError(sentence, "endpoint", configuration=True)
