"""What the settings of a bucket may be: read from the environment once, and refused in a sentence that says what to write.

Nothing here asks the network. What can be worked out is worked out (a region from its endpoint, the scheme, a bucket in
front of the host); what cannot is refused at start, because it would fail later, picture by picture.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

# oss-cn-hangzhou, oss-cn-hangzhou-internal, vpc100-oss-cn-hangzhou; in front of them the bucket, or s3 for S3 clients.
_ALIYUN = re.compile(
    r"(?:(?P<front>[a-z0-9-]+)\.)?(?P<vpc>vpc100-)?oss-(?P<region>[a-z]+-[a-z0-9-]+?)(?:-pub)?(?P<inner>-internal)?\.aliyuncs\.com"
)
# cn-hangzhou.oss.aliyuncs.com, which has IPv6 as well.
_DUAL_STACK = re.compile(
    r"(?:(?P<front>[a-z0-9-]+)\.)?(?P<region>[a-z]+-[a-z0-9-]+?)(?P<inner>-internal)?\.oss\.aliyuncs\.com"
)
_ANYWHERE = re.compile(
    r"(?:(?P<front>[a-z0-9-]+)\.)?oss-accelerate(?:-overseas)?\.aliyuncs\.com|oss\.aliyuncs\.com"
)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_ALIYUN_PORTS = (None, 80, 443)


class BucketSettingError(Exception):
    """One setting that cannot be right: its name, and the sentence that says what to write instead."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name} {sentence}.")
        self.name, self.sentence = name, sentence


@dataclass(frozen=True)
class Endpoint:
    """An address of OSS, taken apart. `region` is empty where the host does not name one."""

    url: str
    is_aliyun: bool
    region: str
    is_internal: bool
    is_machine: bool

    @property
    def is_other_domain(self) -> bool:
        """Tell whether only its owner knows if this name is bound to a bucket, or is a cloud of its own."""
        return not (self.is_aliyun or self.is_machine)


def read_endpoint(name: str, text: str, bucket: str) -> Endpoint:
    """Take an endpoint apart. Raises BucketSettingError where a request to it could not succeed."""
    parts, port = _split(name, text)
    host = (parts.hostname or "").rstrip(".").lower()
    machine = is_machine(host)
    scheme = parts.scheme or ("http" if machine and _is_here(host) else "https")
    found = None if machine else _match(name, host, bucket)
    is_aliyun = found is not None
    if is_aliyun and port not in _ALIYUN_PORTS:
        raise BucketSettingError(name, f"names the port {port}, but OSS listens on 443. Leave the port out")
    if is_aliyun:
        front = found["front"]
        host = host.removeprefix(f"{front}.") if front else host
    groups = found.groupdict() if found else {}
    where = f"[{host}]" if ":" in host else host
    url = f"{scheme}://{where}" + (f":{port}" if port else "")
    is_internal = bool(groups.get("inner") or groups.get("vpc"))
    return Endpoint(url, is_aliyun, groups.get("region") or "", is_internal, machine)


def _split(name: str, text: str) -> tuple[SplitResult, int | None]:
    example = "e.g. https://oss-cn-hangzhou.aliyuncs.com"
    if re.search(r"[\s\"'\\]", text) or not text.isascii():
        raise BucketSettingError(name, f"holds a character that no address has. Write the host, {example}")
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port
    except ValueError:
        raise BucketSettingError(name, f"is no address. Write the host, {example}") from None
    if parts.scheme not in ("", "http", "https") or not parts.hostname:
        raise BucketSettingError(name, f"begins with neither https:// nor http://. Write the host, {example}")
    if "@" in parts.netloc:
        raise BucketSettingError(name, "holds a login. Set the access key in its own variables")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname}".removeprefix("://")
        raise BucketSettingError(name, f"goes on after the host. Write {shown} and nothing behind it")
    return parts, port


def _match(name: str, host: str, bucket: str) -> re.Match | None:
    """Recognise a host of Aliyun's, with at most the right bucket in front. None: somebody else's domain."""
    if not host.endswith(".aliyuncs.com"):
        return None
    found = _ANYWHERE.fullmatch(host) or _ALIYUN.fullmatch(host) or _DUAL_STACK.fullmatch(host)
    if found is None:
        raise BucketSettingError(
            name,
            f"is {host}, which is no endpoint of OSS. Write one like https://oss-cn-hangzhou.aliyuncs.com",
        )
    front = found["front"]
    if front == "s3":
        right = host.removeprefix("s3.")
        raise BucketSettingError(name, f"is the address for S3 programs. Write https://{right}")
    if front and front != bucket.lower():
        raise BucketSettingError(
            name, f"names the bucket {front}, but OSS_BUCKET is {bucket}. Write the host without a bucket"
        )
    return found


def is_machine(host: str) -> bool:
    """Tell whether this is an IP address or this machine, where no region and no bucket stand in the name."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


@dataclass(frozen=True)
class OSSSettings:
    """The settings as they are to be used."""

    endpoint: str
    public_endpoint: str
    region: str


def check_oss(
    *,
    endpoint: str,
    public_endpoint: str,
    region: str,
    bucket: str,
    cname: bool | None,
    v4: bool,
    links: bool,
) -> OSSSettings:
    """Check the settings of an OSS bucket together, and return them completed. Raises BucketSettingError.

    `cname` is None where nobody said anything. `links`: browsers are sent to the bucket.
    """
    _check_bucket(bucket)
    api = read_endpoint("OSS_ENDPOINT", endpoint, bucket)
    public = read_endpoint("OSS_PUBLIC_ENDPOINT", public_endpoint, bucket) if public_endpoint else None
    _check_domains(api, public, cname)
    if public and public.is_internal:
        sentence = f"is an internal address, which browsers cannot reach. Write {_outside_of(public)}"
        raise BucketSettingError("OSS_PUBLIC_ENDPOINT", sentence)
    if links and api.is_internal and public is None:
        raise BucketSettingError(
            "OSS_PUBLIC_ENDPOINT",
            "is empty, but PHOTOHUB_LINKS sends browsers to the bucket, and they cannot reach the internal address "
            f"of OSS_ENDPOINT. Set it to {_outside_of(api)} or to a custom domain",
        )
    return OSSSettings(api.url, public.url if public else "", _region(region, api, public, v4))


def _outside_of(endpoint: Endpoint) -> str:
    # The regions of banks have another name for the way in from outside.
    return f"https://oss-{endpoint.region}{'-pub' if 'finance' in endpoint.region else ''}.aliyuncs.com"


def _check_bucket(bucket: str) -> None:
    if _BUCKET.fullmatch(bucket):
        return
    right = bucket.strip().lower()
    advice = f"Write {right}" if _BUCKET.fullmatch(right) else "Write its name as the console shows it"
    raise BucketSettingError(
        "OSS_BUCKET", f"is '{bucket[:70]}', but buckets are named with a-z, 0-9 and - only. {advice}"
    )


def _check_domains(api: Endpoint, public: Endpoint | None, cname: bool | None) -> None:
    for name, address in (("OSS_ENDPOINT", api), ("OSS_PUBLIC_ENDPOINT", public)):
        if address and address.is_other_domain and cname is None:
            raise BucketSettingError(
                "OSS_CNAME",
                f"is not set, but {name} ({address.url}) is no address of Aliyun. Set it to true when that is a "
                "domain bound to the bucket, and to false when it is a private cloud",
            )
    shown = public or api
    if cname and shown.is_aliyun:
        name = "OSS_PUBLIC_ENDPOINT" if public else "OSS_ENDPOINT"
        raise BucketSettingError(
            "OSS_CNAME",
            f"is true, but {name} ({shown.url}) is Aliyun's own address. Set OSS_PUBLIC_ENDPOINT to the domain that "
            "is bound to the bucket, or OSS_CNAME to false",
        )


def _region(region: str, api: Endpoint, public: Endpoint | None, v4: bool) -> str:
    """Return the region that signatures name; what the endpoints say is worked out and must agree."""
    given = region.lower().removeprefix("oss-")
    if given and not _REGION.fullmatch(given):
        raise BucketSettingError(
            "OSS_REGION", f"is '{region[:40]}', which is no region. Write e.g. cn-hangzhou"
        )
    if given and api.region and given != api.region:
        raise BucketSettingError(
            "OSS_REGION",
            f"is {given}, but OSS_ENDPOINT is in {api.region}. Write {api.region} or leave it empty",
        )
    found = given or api.region or (public.region if public else "")
    if public and public.region and found and public.region != found:
        raise BucketSettingError(
            "OSS_PUBLIC_ENDPOINT",
            f"is in {public.region}, but the bucket is in {found}. Write that region's address",
        )
    if v4 and not found:
        raise BucketSettingError(
            "OSS_REGION",
            "is empty, but signature v4 needs it, and OSS_ENDPOINT does not name it. Write the bucket's, e.g. cn-hangzhou",
        )
    return found


def check_credential(name: str, value: str) -> None:
    """Refuse a key with something in it that came along when it was copied; the value itself is never repeated."""
    if re.search(r"\s", value):
        raise BucketSettingError(name, "holds a space or a line break. Copy it again without")
    if not value.isascii() or not value.isprintable():
        raise BucketSettingError(name, "holds a character that no key has. Copy it again")
    if len(value) > 1 and value[0] in "\"'<" and value[-1] in "\"'>":
        raise BucketSettingError(
            name, "stands in quotes that belong to the value here. Write it without them"
        )


def check_prefix(name: str, prefix: str) -> None:
    """Refuse a prefix under which no key could be made."""
    parts = prefix.strip("/").split("/")
    if prefix.strip("/") and ("\\" in prefix or not prefix.isprintable() or {"", ".", ".."} & set(parts)):
        raise BucketSettingError(name, "is no usable prefix. Write a relative path such as photohub/")
    if len(prefix.encode()) > 512:
        raise BucketSettingError(name, "is longer than 512 bytes. Write a shorter one")


def check_s3(*, endpoint_url: str, bucket: str) -> None:
    """Check the address of an S3 store against its bucket. Raises BucketSettingError."""
    if re.search(r"[\s/\\\"']", bucket) or not bucket.isascii():
        raise BucketSettingError(
            "S3_BUCKET", "is no name of a bucket. Write it without spaces, slashes and quotes"
        )
    if not endpoint_url:
        return
    parts = urlsplit(endpoint_url)
    host, path = (parts.hostname or "").lower(), parts.path.rstrip("/")
    if host.startswith(f"{bucket.lower()}.") and not is_machine(host):
        right = host.removeprefix(f"{bucket.lower()}.")
        raise BucketSettingError(
            "S3_ENDPOINT_URL",
            f"has the bucket in front, which is added by itself. Write {parts.scheme}://{right}",
        )
    if path.rsplit("/", 1)[-1] == bucket:
        raise BucketSettingError(
            "S3_ENDPOINT_URL",
            f"ends with the bucket, which is added by itself. Write {endpoint_url[: -len(bucket) - 1].rstrip('/')}",
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise BucketSettingError(
            "S3_ENDPOINT_URL", "holds more than an address. Write e.g. https://s3.example.org"
        )


def read_cname(value: bool | str) -> bool | str:
    """Read OSS_CNAME: yes, no, or the custom domain itself."""
    word = str(value).strip().lower()
    if word in ("", "0", "false", "no", "off", "none"):
        return False
    return True if word in ("1", "true", "yes", "on") else str(value).strip()
