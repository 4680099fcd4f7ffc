import oss2
import pytest
import requests

from media_pipeline.mirror.oss_transport import LeanSession
from tests.fakes.oss_server import FakeOSS


def bucket_of(oss: FakeOSS, **options) -> oss2.Bucket:
    account = oss.account
    auth = oss2.make_auth(account.access_key_id, account.access_key_secret, "v4")
    session = LeanSession(pool_size=4, trusts_environment=False)
    return oss2.Bucket(
        auth, oss.endpoint, oss.bucket, session=session, region=account.region, is_path_style=True, **options
    )


def test_signed_requests_of_every_kind_are_understood():
    with FakeOSS() as oss:
        bucket = bucket_of(oss)
        bucket.put_object("a b/ä.jpg", b"picture", headers={"Content-Type": "image/jpeg"})
        assert bucket.get_object("a b/ä.jpg").read() == b"picture"
        assert bucket.head_object("a b/ä.jpg").content_type == "image/jpeg"
        assert [o.key for o in oss2.ObjectIteratorV2(bucket, prefix="a b/")] == ["a b/ä.jpg"]
        assert oss.counts["auth failures"] == 0


def test_a_file_is_streamed_from_where_it_stands(tmp_path):
    (tmp_path / "a").write_bytes(b"head" + b"x" * 300_000)
    with FakeOSS() as oss, (tmp_path / "a").open("rb") as file:
        file.seek(4)
        bucket_of(oss).put_object("a", file)
        assert oss.objects["a"].body == b"x" * 300_000


def test_connections_are_used_again():
    with FakeOSS() as oss:
        bucket = bucket_of(oss)
        for number in range(5):
            bucket.put_object(str(number), b"x")
        assert len(oss.connections) == 1


def test_an_error_is_the_sdks_own_with_that_of_requests_inside():
    with FakeOSS() as oss:
        bucket = bucket_of(oss, connect_timeout=0.3)
    with pytest.raises(oss2.exceptions.RequestError) as raised:
        bucket.put_object("a", b"x")
    assert isinstance(raised.value.exception, requests.ConnectionError)


def test_no_redirect_is_followed(monkeypatch):
    with FakeOSS() as oss:
        oss.fail(status=307, code="TemporaryRedirect", times=1)
        with pytest.raises(oss2.exceptions.ServerError) as raised:
            bucket_of(oss).put_object("a", b"x")
        assert raised.value.status == 307 and oss.counts["PUT"] == 1


def test_proxies_of_the_environment_are_read_only_where_they_may_be_used(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    url = "https://photos.oss-cn-hangzhou.aliyuncs.com/a"
    assert LeanSession(1, True)._settings_for(url)[0]["https"] == "http://proxy.example:3128"
    assert "https" not in LeanSession(1, False)._settings_for(url)[0]
