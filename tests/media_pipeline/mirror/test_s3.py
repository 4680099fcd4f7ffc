from pathlib import Path

import pytest

from media_pipeline.mirror.s3 import S3Store
from media_pipeline.mirror.stores import MirrorError
from tests.fakes.oss_server import FakeOSS

PICTURE = b"\xff\xd8\xff picture \xff\xd9"


def store_at(oss: FakeOSS, **options) -> S3Store:
    """Reach the fake as an S3 store: it keeps objects the same way, but cannot judge S3's signatures."""
    oss.check_signatures = False
    defaults = {"bucket": "photos", "access_key_id": "k", "secret_access_key": "s3cr3t", "region": "cn-test"}
    options = {"addressing_style": "path", "prefix": "hub/", **options}
    return S3Store(endpoint_url=oss.endpoint, **{**defaults, **options})


def picture(folder: Path, content: bytes = PICTURE) -> Path:
    path = folder / "gate.jpg"
    path.write_bytes(content)
    return path


def refusal(action, *args) -> MirrorError:
    with pytest.raises(MirrorError) as caught:
        action(*args)
    return caught.value


def test_a_file_is_stored_whole_without_chunked_encoding(tmp_path):
    with FakeOSS() as oss:
        result = store_at(oss).put(picture(tmp_path), "gate/北.jpg", "image/jpeg")
        stored = oss.objects["hub/gate/北.jpg"]
        assert (stored.body, result.size_bytes, result.etag) == (PICTURE, len(PICTURE), stored.etag)
        assert stored.headers["content-type"] == "image/jpeg"
        assert stored.headers["content-disposition"] == "inline"


def test_checksums_that_other_stores_refuse_are_off():
    config = store_at(FakeOSS(port=9)).storage.client_config
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"


def test_the_same_bytes_succeed_and_other_bytes_never_overwrite(tmp_path):
    with FakeOSS() as oss:
        store = store_at(oss)
        assert store.put(picture(tmp_path), "a", "image/jpeg") == store.put(
            picture(tmp_path), "a", "image/jpeg"
        )
        assert oss.counts["PUT"] == 1
        error = refusal(store.put, picture(tmp_path, PICTURE[::-1]), "a", "image/jpeg")
        assert (error.word, error.permanent, oss.objects["hub/a"].body) == ("key_taken", True, PICTURE)


def test_a_success_that_kept_nothing_is_a_failure(tmp_path):
    with FakeOSS() as oss:
        oss.forget(times=1)
        assert refusal(store_at(oss).put, picture(tmp_path), "a", "image/jpeg").word == "inconsistent"


def test_open_delete_and_exists():
    with FakeOSS() as oss:
        store = store_at(oss)
        assert not store.exists("a")
        store.delete("a")
        with pytest.raises(FileNotFoundError):
            store.open("a")


def test_an_outage_is_temporary_and_is_not_an_absent_key():
    with FakeOSS() as oss:
        store = store_at(oss)
        oss.fail(status=503, times=1)
        assert refusal(store.exists, "a").word == "server"
        oss.stop()
        error = refusal(store.exists, "a")
        assert error.word == "unreachable" and not (error.permanent or error.configuration)


@pytest.mark.parametrize(
    "code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "SomethingElse"]
)
def test_a_refusal_asks_for_a_person_and_tells_no_secret(tmp_path, code):
    with FakeOSS() as oss:
        oss.fail(status=403, code=code, method="PUT")
        error = refusal(store_at(oss).put, picture(tmp_path), "a", "image/jpeg")
        assert error.configuration and "S3_" in str(error) and "s3cr3t" not in str(error)


def test_urls_are_made_without_a_request():
    store = store_at(FakeOSS(port=9))
    assert store.public_url("a b") == "http://127.0.0.1:9/photos/hub/a%20b"
    assert "X-Amz-Expires=604800" in store.signed_url("a", 10**9)


def test_the_probe_walks_every_step():
    with FakeOSS() as oss:
        assert [step.ok for step in store_at(oss).probe()] == [True] * 4
        assert not oss.objects


@pytest.mark.parametrize("method", ["PUT", "HEAD", "GET", "DELETE"])
def test_whatever_stands_in_the_stores_place_is_never_taken_for_it_nor_for_a_missing_file(tmp_path, method):
    acts = {"PUT": "put", "HEAD": "put", "GET": "open", "DELETE": "delete"}
    with FakeOSS() as oss:
        act = getattr(store_at(oss), acts[method])
        arguments = (picture(tmp_path), "a", "image/jpeg") if method in ("PUT", "HEAD") else ("a",)
        # An answer of 404 to HEAD names nothing; the put behind it finds out.
        for status in {200, 301, 302, 307, 400, 401, 403, 404, 405, 503} - (
            {404} if method == "HEAD" else set()
        ):
            for oss.stranger_is_mute in (False, True):
                oss.stranger(status, method=method)
                error = refusal(act, *arguments)
                assert not (error.permanent or error.local), (status, error)
                assert status == 503 or (error.configuration and "S3_ENDPOINT_URL" in str(error)), status
                oss.heal()


def test_an_absent_bucket_is_no_absent_key():
    with FakeOSS() as oss:
        assert not store_at(oss).exists("a")
        assert refusal(store_at(oss, bucket="others").exists, "a").word == "bucket"
        oss.stranger(404)
        assert refusal(store_at(oss).exists, "a").word == "endpoint"


def test_a_local_file_that_is_gone_is_said_and_asks_the_store_nothing(tmp_path):
    with FakeOSS() as oss:
        error = refusal(store_at(oss).put, tmp_path / "gone.jpg", "a", "image/jpeg")
        assert (error.word, error.permanent, error.local) == ("missing_local", True, True) and not oss.counts
