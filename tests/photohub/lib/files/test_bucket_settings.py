"""What may be said of a bucket, and what each refusal tells to write instead."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as configured

from photohub.lib.files.bucket_settings import (
    BucketSettingError,
    OSSSettings,
    check_credential,
    check_oss,
    check_prefix,
    check_s3,
    read_endpoint,
)

HANGZHOU = "https://oss-cn-hangzhou.aliyuncs.com"
INTERNAL = "https://oss-cn-hangzhou-internal.aliyuncs.com"
OWN = "https://img.example.org"


def oss(**given) -> OSSSettings:
    fine = {"endpoint": HANGZHOU, "public_endpoint": "", "region": "", "bucket": "photos"}
    return check_oss(**{**fine, "cname": None, "v4": True, "links": False, **given})


@pytest.mark.parametrize(
    ("given", "endpoint", "region"),
    [
        ({}, HANGZHOU, "cn-hangzhou"),
        ({"endpoint": "oss-cn-hangzhou.aliyuncs.com/"}, HANGZHOU, "cn-hangzhou"),
        ({"endpoint": "HTTPS://OSS-CN-HANGZHOU.aliyuncs.com"}, HANGZHOU, "cn-hangzhou"),
        ({"endpoint": "https://Photos.oss-cn-hangzhou.aliyuncs.com"}, HANGZHOU, "cn-hangzhou"),
        ({"endpoint": f"{HANGZHOU}:443"}, f"{HANGZHOU}:443", "cn-hangzhou"),
        ({"endpoint": INTERNAL}, INTERNAL, "cn-hangzhou"),
        ({"region": "oss-CN-Hangzhou"}, HANGZHOU, "cn-hangzhou"),
        ({"endpoint": "cn-beijing.oss.aliyuncs.com"}, "https://cn-beijing.oss.aliyuncs.com", "cn-beijing"),
        (
            {"endpoint": "photos.cn-beijing.oss.aliyuncs.com"},
            "https://cn-beijing.oss.aliyuncs.com",
            "cn-beijing",
        ),
        (
            {"endpoint": "oss-accelerate.aliyuncs.com", "region": "us-west-1"},
            "https://oss-accelerate.aliyuncs.com",
            "us-west-1",
        ),
        (
            {"endpoint": "photos.oss-accelerate-overseas.aliyuncs.com", "v4": False},
            "https://oss-accelerate-overseas.aliyuncs.com",
            "",
        ),
        (
            {"endpoint": "oss-cn-shanghai-finance-1-pub.aliyuncs.com"},
            "https://oss-cn-shanghai-finance-1-pub.aliyuncs.com",
            "cn-shanghai-finance-1",
        ),
        ({"endpoint": "http://127.0.0.1:9", "region": "cn-test"}, "http://127.0.0.1:9", "cn-test"),
        ({"endpoint": "localhost:9", "region": "cn-test"}, "http://localhost:9", "cn-test"),
        ({"endpoint": "[fd00::9]:9", "region": "cn-test"}, "https://[fd00::9]:9", "cn-test"),
        ({"endpoint": OWN, "cname": True, "region": "cn-hangzhou"}, OWN, "cn-hangzhou"),
        (
            {"endpoint": "oss.cloud.example.org", "cname": False, "v4": False},
            "https://oss.cloud.example.org",
            "",
        ),
        (
            {"endpoint": INTERNAL, "public_endpoint": OWN, "cname": True, "links": True},
            INTERNAL,
            "cn-hangzhou",
        ),
        ({"endpoint": INTERNAL, "public_endpoint": HANGZHOU, "links": True}, INTERNAL, "cn-hangzhou"),
    ],
)
def test_what_can_be_worked_out_is(given, endpoint, region):
    found = oss(**given)
    assert (found.endpoint, found.region) == (endpoint, region)


@pytest.mark.parametrize(
    ("given", "name", "advice"),
    [
        ({"endpoint": INTERNAL, "links": True}, "OSS_PUBLIC_ENDPOINT", HANGZHOU),
        ({"endpoint": "vpc100-oss-cn-hangzhou.aliyuncs.com", "links": True}, "OSS_PUBLIC_ENDPOINT", HANGZHOU),
        ({"public_endpoint": INTERNAL}, "OSS_PUBLIC_ENDPOINT", HANGZHOU),
        ({"endpoint": OWN, "region": "cn-hangzhou"}, "OSS_CNAME", "Set it to true"),
        ({"public_endpoint": OWN}, "OSS_CNAME", "Set it to true"),
        ({"cname": True}, "OSS_CNAME", "OSS_PUBLIC_ENDPOINT"),
        ({"public_endpoint": "https://oss-cn-hangzhou.aliyuncs.com", "cname": True}, "OSS_CNAME", "false"),
        ({"endpoint": "oss-accelerate.aliyuncs.com"}, "OSS_REGION", "cn-hangzhou"),
        ({"endpoint": "oss.aliyuncs.com"}, "OSS_REGION", "cn-hangzhou"),
        ({"endpoint": "127.0.0.1:9"}, "OSS_REGION", "cn-hangzhou"),
        ({"region": "cn-beijing"}, "OSS_REGION", "Write cn-hangzhou"),
        ({"region": "杭州"}, "OSS_REGION", "cn-hangzhou"),
        ({"region": "cn hangzhou"}, "OSS_REGION", "cn-hangzhou"),
        ({"public_endpoint": "oss-cn-beijing.aliyuncs.com"}, "OSS_PUBLIC_ENDPOINT", "cn-hangzhou"),
        ({"bucket": "Photos"}, "OSS_BUCKET", "Write photos"),
        ({"bucket": "my_photos"}, "OSS_BUCKET", "console"),
        ({"bucket": "ph otos"}, "OSS_BUCKET", "console"),
        ({"endpoint": "other.oss-cn-hangzhou.aliyuncs.com"}, "OSS_ENDPOINT", "without a bucket"),
        ({"endpoint": "s3.oss-cn-hangzhou.aliyuncs.com"}, "OSS_ENDPOINT", HANGZHOU),
        ({"endpoint": "ecs.aliyuncs.com"}, "OSS_ENDPOINT", HANGZHOU),
        ({"endpoint": f"{HANGZHOU}/photos"}, "OSS_ENDPOINT", f"Write {HANGZHOU} "),
        ({"endpoint": f"{HANGZHOU}?x=1"}, "OSS_ENDPOINT", f"Write {HANGZHOU} "),
        ({"endpoint": f"{HANGZHOU}:8443"}, "OSS_ENDPOINT", "Leave the port out"),
        ({"endpoint": f"{HANGZHOU}:port"}, "OSS_ENDPOINT", HANGZHOU),
        ({"endpoint": "ftp://oss-cn-hangzhou.aliyuncs.com"}, "OSS_ENDPOINT", HANGZHOU),
        ({"endpoint": "oss://photos"}, "OSS_ENDPOINT", HANGZHOU),
        ({"endpoint": "https://"}, "OSS_ENDPOINT", HANGZHOU),
        ({"endpoint": "https://key:word@oss-cn-hangzhou.aliyuncs.com"}, "OSS_ENDPOINT", "own variables"),
        ({"endpoint": "oss-cn-hangzhou.aliyuncs.com\n"}, "OSS_ENDPOINT", HANGZHOU),
        ({"endpoint": "'oss-cn-hangzhou.aliyuncs.com'"}, "OSS_ENDPOINT", HANGZHOU),
    ],
)
def test_what_would_fail_later_is_refused_with_what_to_write(given, name, advice):
    with pytest.raises(BucketSettingError) as caught:
        oss(**given)
    assert caught.value.name == name and advice in str(caught.value) and "word" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["LTAI 5t", "LTAI\n5t", "LTAI5t\t", '"LTAI5t"', "'LTAI5t'", "<LTAI5t>", "LTAI5t…", "L\x07"]
)
def test_a_key_with_something_copied_along_is_refused_and_never_repeated(value):
    with pytest.raises(BucketSettingError, match=r"^OSS_ACCESS_KEY_ID ") as caught:
        check_credential("OSS_ACCESS_KEY_ID", value)
    assert "LTAI" not in str(caught.value)


def test_usual_keys_and_prefixes_pass():
    for value in ("", "LTAI5tExample", "a/b+c=="):
        check_credential("OSS_ACCESS_KEY_ID", value)
    for prefix in ("", "/", "photohub/", "a/b", "北门/"):
        check_prefix("OSS_PREFIX", prefix)


@pytest.mark.parametrize("prefix", ["../x", "a//b", "a/./b", "a\\b", "a\nb", "x" * 600])
def test_a_prefix_that_makes_no_key_is_refused(prefix):
    with pytest.raises(BucketSettingError, match=r"^S3_PREFIX "):
        check_prefix("S3_PREFIX", prefix)


@pytest.mark.parametrize(
    ("url", "bucket", "word"),
    [
        ("https://photos.s3.example.org", "photos", "Write https://s3.example.org"),
        ("https://s3.example.org/photos", "photos", "Write https://s3.example.org"),
        ("https://k:s@s3.example.org", "photos", "more than an address"),
        ("", "my photos", "S3_BUCKET"),
        ("", "photos/hub", "S3_BUCKET"),
    ],
)
def test_an_s3_address_leaves_the_bucket_out(url, bucket, word):
    with pytest.raises(BucketSettingError, match=word):
        check_s3(endpoint_url=url, bucket=bucket)
    check_s3(endpoint_url="https://project.example.org/storage/v1/s3", bucket="photos")


def test_an_endpoint_knows_whose_it_is():
    assert read_endpoint("X", INTERNAL, "photos").is_internal
    assert read_endpoint("X", OWN, "photos").is_other_domain
    assert not read_endpoint("X", "10.0.0.5:9000", "photos").is_other_domain


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"PHOTOHUB_MIRROR": "oss", "OSS_ENDPOINT": OWN, "OSS_REGION": "cn-hangzhou"},
            "OSS_CNAME: is not set",
        ),
        (
            {"PHOTOHUB_MIRROR": "oss", "OSS_ENDPOINT": INTERNAL, "PHOTOHUB_LINKS": "signed"},
            "OSS_PUBLIC_ENDPOINT: is",
        ),
        (
            {"PHOTOHUB_MIRROR": "oss", "OSS_ENDPOINT": HANGZHOU, "OSS_ACCESS_KEY_SECRET": "a b"},
            "OSS_ACCESS_KEY_SECRET",
        ),
        ({"PHOTOHUB_MIRROR": "s3", "S3_ENDPOINT_URL": "s3.example.org"}, "S3_ENDPOINT_URL: "),
        ({"PHOTOHUB_MIRROR": "s3", "S3_PREFIX": "../"}, "S3_PREFIX: "),
        (
            {"PHOTOHUB_MIRROR": "file", "PHOTOHUB_MIRROR_FOLDER": "copies"},
            "PHOTOHUB_MIRROR_FOLDER: is copies",
        ),
        ({"PHOTOHUB_MIRROR": "file", "PHOTOHUB_MIRROR_FOLDER": "{data}/pictures"}, "hub's own files"),
    ],
)
def test_a_start_with_such_a_setting_ends_with_its_sentence(tmp_path, given, sentence):
    keys = {f"{kind}_{name}": "key" for kind in ("OSS", "S3") for name in ("ACCESS_KEY_ID", "BUCKET")}
    keys |= {"OSS_ACCESS_KEY_SECRET": "s", "S3_SECRET_ACCESS_KEY": "s", "PHOTOHUB_DATA": str(tmp_path)}
    given = {name: value.format(data=tmp_path) for name, value in given.items()}
    environment = os.environ | {"PHOTOHUB_ENV": "embedded"} | keys | given
    command = [sys.executable, "-c", "import photohub.settings"]
    done = subprocess.run(command, cwd=configured.BASE_DIR, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and sentence in done.stderr.splitlines()[-1]
