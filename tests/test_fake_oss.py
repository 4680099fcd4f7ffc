"""The fake OSS must judge as the real one does; the SDK, which shares no code with it, is the witness."""

import http.client
import json
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import oss2
import pytest
import requests

from tests.fakes.oss_bucket import crc64
from tests.fakes.oss_server import FakeOSS

VERSIONS = ["v4", "v1"]
PICTURE = b"\xff\xd8\xff picture \xff\xd9" * 1000
CHINESE_KEY = "images/北门 +%~.jpg"


def bucket(oss: FakeOSS, version: str = "v4", secret: str = "test-key-secret", **options) -> oss2.Bucket:
    auth = oss2.make_auth("test-key-id", secret, version)
    session = oss2.Session()
    session.session.trust_env = False
    options = {"region": "cn-test", "connect_timeout": (3, 5), **options}
    return oss2.Bucket(auth, oss.endpoint, "photos", session=session, **options)


def error_of(action, *args, **kwargs) -> tuple[int, str]:
    with pytest.raises(oss2.exceptions.OssError) as caught:
        action(*args, **kwargs)
    return caught.value.status, caught.value.code


def get(oss: FakeOSS, url: str, host: str = "") -> http.client.HTTPResponse:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", oss.port, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": host or parts.netloc})
    return connection.getresponse()


def test_crc64_is_the_published_one():
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA


@pytest.mark.parametrize("version", VERSIONS)
def test_an_object_with_a_chinese_key_lives_and_dies(version):
    with FakeOSS() as oss:
        client = bucket(oss, version)
        client.put_object(CHINESE_KEY, PICTURE, headers={"Content-Type": "image/jpeg"})
        assert oss.objects[CHINESE_KEY].body == PICTURE
        assert client.get_object(CHINESE_KEY).read() == PICTURE
        assert client.head_object(CHINESE_KEY).content_type == "image/jpeg"
        client.delete_object(CHINESE_KEY)
        assert error_of(client.get_object, CHINESE_KEY) == (404, "NoSuchKey")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_secret_is_refused(version):
    with FakeOSS() as oss:
        client = bucket(oss, version, secret="guess")
        assert error_of(client.put_object, "a", b"x") == (403, "SignatureDoesNotMatch")
        assert error_of(client.head_object, "a") == (403, "SignatureDoesNotMatch")
        assert oss.counts["auth failures"] == 2 and not oss.objects


@pytest.mark.parametrize("version", VERSIONS)
def test_a_presigned_url_works_with_parameters(version):
    with FakeOSS() as oss:
        client = bucket(oss, version)
        client.put_object(CHINESE_KEY, PICTURE)
        url = client.sign_url(
            "GET", CHINESE_KEY, 60, params={"x-oss-process": "image/resize,w_30"}, slash_safe=True
        )
        assert get(oss, url).read() == PICTURE
        assert get(oss, url.replace("w_30", "w_31")).status == 403


@pytest.mark.parametrize("version", VERSIONS)
def test_a_presigned_url_expires(version):
    with FakeOSS() as oss:
        client = bucket(oss, version)
        client.put_object("a", PICTURE)
        url = client.sign_url("GET", "a", 60)
        oss.clock_offset_s = 61
        answer = get(oss, url)
        assert answer.status == 403 and b"expired" in answer.read()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_token_is_needed_and_signed(version):
    with FakeOSS(session_token="token/+=") as oss:
        assert error_of(bucket(oss, version).put_object, "a", b"x") == (403, "InvalidSecurityToken")
        client = bucket(oss, version)
        client.auth = oss2.StsAuth("test-key-id", "test-key-secret", "token/+=", version)
        client.put_object("a", b"x")
        assert get(oss, client.sign_url("GET", "a", 60)).read() == b"x"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_clock_more_than_15_minutes_off_is_refused(version):
    with FakeOSS() as oss:
        oss.clock_offset_s = 14 * 60
        bucket(oss, version).put_object("a", b"x")
        oss.clock_offset_s = 16 * 60
        assert error_of(bucket(oss, version).put_object, "b", b"x") == (403, "RequestTimeTooSkewed")


def test_another_region_and_a_week_and_a_second_are_refused():
    with FakeOSS() as oss:
        assert error_of(bucket(oss, region="cn-other").put_object, "a", b"x") == (400, "InvalidArgument")
        url = bucket(oss).sign_url("GET", "a", 604801)
        assert b"AuthorizationQueryParametersError" in get(oss, url).read()


def test_an_unknown_key_id_and_bucket_are_named():
    with FakeOSS() as oss:
        oss.account = oss.account.__class__("other", "test-key-secret", "cn-test")
        assert error_of(bucket(oss).get_object, "a") == (403, "InvalidAccessKeyId")
    with FakeOSS(bucket="others") as oss:
        assert error_of(bucket(oss).object_exists, "a") == (404, "NoSuchBucket")


def test_a_key_is_not_overwritten_when_forbidden():
    with FakeOSS() as oss:
        client, forbid = bucket(oss), {"x-oss-forbid-overwrite": "true"}
        client.put_object("a", b"first", headers=forbid)
        assert error_of(client.put_object, "a", b"second", headers=forbid) == (409, "FileAlreadyExists")
        assert oss.objects["a"].body == b"first"


def test_a_wrong_md5_is_refused():
    with FakeOSS() as oss:
        assert error_of(bucket(oss).put_object, "a", b"x", headers={"Content-MD5": "AAAA"}) == (
            400,
            "InvalidDigest",
        )


def test_ranges_are_served_and_ignored_like_oss_does():
    with FakeOSS() as oss:
        client = bucket(oss)
        client.put_object("a", b"0123456789")
        assert client.get_object("a", byte_range=(2, 4)).read() == b"234"
        assert client.get_object("a", byte_range=(None, 3)).read() == b"789"
        assert client.get_object("a", byte_range=(20, 30)).read() == b"0123456789"
        strict = {"x-oss-range-behavior": "standard"}
        assert error_of(client.get_object, "a", byte_range=(20, 30), headers=strict) == (416, "InvalidRange")


def test_listing_pages_through_folders_and_files():
    with FakeOSS() as oss:
        client = bucket(oss)
        for key in ("a/1", "a/2", "b", "中/3", "d"):
            client.put_object(key, b"x")
        found = [item.key for item in oss2.ObjectIteratorV2(client, delimiter="/", max_keys=2)]
        assert found == ["a/", "b", "d", "中/"]
        assert [item.key for item in oss2.ObjectIteratorV2(client, prefix="a/")] == ["a/1", "a/2"]


def test_the_bucket_describes_itself():
    with FakeOSS() as oss:
        oss.public_read = True
        assert bucket(oss).get_bucket_info().acl.grant == "public-read"


def test_strangers_read_only_a_public_bucket():
    with FakeOSS() as oss:
        bucket(oss).put_object("a", b"x")
        assert get(oss, f"{oss.endpoint}/photos/a").status == 403
        oss.public_read = True
        assert get(oss, f"{oss.endpoint}/photos/a").read() == b"x"
        assert requests.put(f"{oss.endpoint}/photos/a", b"y", timeout=5).status_code == 403


@pytest.mark.parametrize("host", ["photos.oss-cn-test.test", "img.example.test"])
def test_virtual_hosts_and_own_domains_have_no_bucket_in_the_path(host):
    with FakeOSS() as oss:
        oss.cnames.add("img.example.test")
        bucket(oss).put_object("a/b.jpg", b"x")
        signer = oss2.Bucket(
            bucket(oss).auth,
            f"http://{host}",
            "photos",
            is_cname=True,
            session=oss2.Session(),
            region="cn-test",
        )
        url = signer.sign_url("GET", "a/b.jpg", 60, slash_safe=True)
        assert urlsplit(url).path == "/a/b.jpg"
        assert get(oss, url, host).read() == b"x"


def test_a_fault_ends_after_its_number_of_times():
    with FakeOSS() as oss:
        oss.fail(status=503, times=2)
        client = bucket(oss)
        assert error_of(client.put_object, "a", b"x") == (503, "ServiceUnavailable")
        assert error_of(client.put_object, "a", b"x")[0] == 503
        assert client.put_object("a", b"x").status == 200


def test_a_wrong_crc_is_noticed_by_the_client():
    with FakeOSS() as oss:
        oss.wrong_crc(times=1)
        with pytest.raises(oss2.exceptions.InconsistentError):
            bucket(oss).put_object("a", b"x")


@pytest.mark.parametrize("after_headers", [False, True])
def test_a_hang_lasts_until_it_is_healed(after_headers):
    with FakeOSS() as oss:
        oss.hang(after_headers=after_headers)
        client = bucket(oss, connect_timeout=(3, 0.2))
        with pytest.raises((oss2.exceptions.RequestError, requests.RequestException)):
            client.get_object("a").read()
        oss.heal()
        assert error_of(client.get_object, "a") == (404, "NoSuchKey")


def test_a_dropped_answer_leaves_the_object():
    with FakeOSS() as oss:
        oss.accept_then_drop(times=1)
        assert error_of(bucket(oss).put_object, "a", b"x")[0] == oss2.exceptions.OSS_REQUEST_ERROR_STATUS
        assert oss.objects["a"].body == b"x"


def test_it_refuses_connections_and_comes_back_on_the_same_port():
    with FakeOSS() as oss:
        client = bucket(oss)
        client.put_object("a", b"x")
        oss.stop()
        assert error_of(client.get_object, "a")[0] == oss2.exceptions.OSS_REQUEST_ERROR_STATUS
        oss.start()
        assert client.get_object("a").read() == b"x"


def test_latency_delays_every_answer():
    with FakeOSS() as oss:
        oss.latency_s = 0.1
        started = time.monotonic()
        bucket(oss).put_object("a", b"x")
        assert time.monotonic() - started >= 0.1


def test_it_runs_by_itself():
    command = [sys.executable, "-m", "tests.fakes.oss_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        settings = json.loads(process.stdout.readline())
        assert requests.get(settings["OSS_ENDPOINT"] + "/photos/a", timeout=5).status_code == 403
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
