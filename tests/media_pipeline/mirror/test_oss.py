import copy
import inspect
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import fastcrc
import oss2
import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile

from media_pipeline.mirror.oss import Crc64, OSSStorage
from media_pipeline.mirror.stores import MirrorError
from tests.fakes.oss_bucket import crc64
from tests.fakes.oss_server import FakeOSS

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 200 + b"\xff\xd9"


def storage(oss: FakeOSS, **options) -> OSSStorage:
    defaults = {
        "endpoint": oss.endpoint,
        "public_endpoint": "",
        "region": "cn-test",
        "bucket": "photos",
        "access_key_id": "test-key-id",
        "access_key_secret": "test-key-secret",
        "session_token": oss.account.session_token,
        "cname": False,
        "prefix": "",
        "signature": "v4",
        "read_timeout_s": 1,
    }
    return OSSStorage(**{**defaults, **options})


def offline(**options) -> OSSStorage:
    return storage(FakeOSS(port=9), **options)


def picture(folder: Path, content: bytes = PICTURE) -> Path:
    path = folder / "gate.jpg"
    path.write_bytes(content)
    return path


def refusal(action, *args, **kwargs) -> MirrorError:
    with pytest.raises(MirrorError) as caught:
        action(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize("signature", ["v4", "v1"])
def test_put_file_stores_the_bytes_and_reports_them(tmp_path, signature):
    with FakeOSS() as oss:
        store = storage(oss, prefix="photohub/", signature=signature)
        result = store.put_file(picture(tmp_path), "gate/a.jpg", "image/jpeg", crc64=crc64(PICTURE))
        stored = oss.objects["photohub/gate/a.jpg"]
        assert stored.body == PICTURE
        assert (result.etag, result.crc64, result.size_bytes) == (stored.etag, stored.crc64, len(PICTURE))
        assert stored.headers["content-type"] == "image/jpeg"
        assert stored.headers["content-disposition"] == "inline"
        assert "immutable" in stored.headers["cache-control"]


def test_the_same_bytes_again_are_a_success(tmp_path):
    with FakeOSS() as oss:
        store = storage(oss)
        first = store.put_file(picture(tmp_path), "a.jpg", "image/jpeg")
        assert store.put_file(picture(tmp_path), "a.jpg", "image/jpeg") == first
        assert len(oss.objects) == 1


@pytest.mark.parametrize("reports_crc", [True, False])
def test_other_bytes_never_overwrite(tmp_path, reports_crc):
    with FakeOSS() as oss:
        oss.reports_crc = reports_crc
        store = storage(oss)
        store.put_file(picture(tmp_path), "a.jpg", "image/jpeg")
        same_length = PICTURE[:-1] + b"\x00"
        error = refusal(store.put_file, picture(tmp_path, same_length), "a.jpg", "image/jpeg")
        assert (error.word, error.permanent) == ("key_taken", True)
        assert oss.objects["a.jpg"].body == PICTURE


def test_a_lost_answer_is_repaired_by_the_next_try(tmp_path):
    with FakeOSS() as oss:
        oss.accept_then_drop(times=1)
        store = storage(oss)
        error = refusal(store.put_file, picture(tmp_path), "a.jpg", "image/jpeg")
        assert error.word == "unreachable" and not error.permanent
        assert store.put_file(picture(tmp_path), "a.jpg", "image/jpeg").size_bytes == len(PICTURE)


@pytest.mark.parametrize("method", ["PUT", "HEAD"])
def test_a_wrong_crc_is_a_failure(tmp_path, method):
    with FakeOSS() as oss:
        oss.wrong_crc(times=1, method=method)
        store = storage(oss)
        error = refusal(store.put_file, picture(tmp_path), "a.jpg", "image/jpeg")
        assert (error.word, error.permanent, error.configuration) == ("inconsistent", False, False)
        assert store.put_file(picture(tmp_path), "a.jpg", "image/jpeg").crc64 == crc64(PICTURE)


def test_a_success_that_kept_nothing_is_a_failure(tmp_path):
    with FakeOSS() as oss:
        oss.forget(times=1)
        error = refusal(storage(oss).put_file, picture(tmp_path), "a.jpg", "image/jpeg")
        assert error.word == "inconsistent" and not error.permanent


def test_a_file_that_changed_since_it_was_received_is_not_sent(tmp_path):
    with FakeOSS() as oss:
        error = refusal(storage(oss).put_file, picture(tmp_path), "a.jpg", "image/jpeg", crc64=1)
        assert (error.word, error.permanent) == ("changed_local", True)
        assert not oss.counts


def test_a_hanging_server_is_given_up(tmp_path):
    with FakeOSS() as oss:
        oss.hang()
        error = refusal(storage(oss, read_timeout_s=0.2).put_file, picture(tmp_path), "a.jpg", "image/jpeg")
        assert error.word == "timeout" and not error.configuration


def test_a_body_that_stops_is_given_up():
    with FakeOSS() as oss:
        oss.hang(after_headers=True)
        assert refusal(storage(oss, read_timeout_s=0.2).open, "a.jpg").word == "timeout"


def test_an_outage_is_temporary_and_ends(tmp_path):
    with FakeOSS() as oss:
        store = storage(oss)
        oss.stop()
        error = refusal(store.put_file, picture(tmp_path), "a.jpg", "image/jpeg")
        assert error.word == "unreachable" and not (error.permanent or error.configuration)
        oss.start()
        assert store.put_file(picture(tmp_path), "a.jpg", "image/jpeg").size_bytes == len(PICTURE)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"access_key_id": "gone"}, "access_key"),
        ({"access_key_secret": "s3cr3t-guess"}, "signature"),
        ({"region": "cn-other"}, "region"),
        ({"bucket": "other-bucket"}, "bucket"),
        ({"bucket": "Not_A Bucket"}, "settings"),
        ({"session_token": "t0ken-guess"}, "token"),
        ({"signature": "v9"}, "settings"),
        ({"region": ""}, "settings"),
        ({"endpoint": "http://"}, "settings"),
    ],
)
def test_wrong_settings_ask_for_a_person_and_tell_no_secret(tmp_path, options, word):
    with FakeOSS() as oss:
        error = refusal(storage(oss, **options).put_file, picture(tmp_path), "a.jpg", "image/jpeg")
        assert (error.word, error.configuration, error.permanent) == (word, True, False)
        assert "OSS_" in str(error)
        assert not any(secret in str(error) for secret in ("test-key", "s3cr3t", "t0ken", "gone"))


def test_a_wrong_clock_is_named(tmp_path):
    with FakeOSS() as oss:
        oss.clock_offset_s = -3600
        error = refusal(storage(oss).put_file, picture(tmp_path), "a.jpg", "image/jpeg")
        assert (error.word, error.configuration) == ("clock", True) and "clock" in str(error)


def test_exists_is_false_only_when_oss_says_so():
    with FakeOSS() as oss:
        store = storage(oss)
        assert not store.exists("a.jpg") and oss.counts == {"HEAD": 1}
        assert refusal(storage(oss, bucket="others").exists, "a.jpg").word == "bucket"
        oss.fail(status=404, code="", times=4)
        assert refusal(store.exists, "a.jpg").word == "endpoint"
        oss.stop()
        assert refusal(store.exists, "a.jpg").word == "unreachable"


def test_exists_understands_servers_that_name_no_error_on_head():
    with FakeOSS() as oss:
        oss.names_errors_on_head = False
        store = storage(oss)
        store.save("here.jpg", ContentFile(PICTURE))
        assert store.exists("here.jpg") and not store.exists("gone.jpg")
        assert refusal(storage(oss, bucket="others").exists, "a.jpg").word == "bucket"


def test_it_is_a_django_storage():
    with FakeOSS() as oss:
        store = storage(oss, prefix="media")
        assert store.save("pictures/北门.jpg", ContentFile(PICTURE)) == "pictures/北门.jpg"
        with store.open("pictures/北门.jpg") as stored:
            assert stored.read() == PICTURE
            assert stored.seek(1) == 1
        assert store.size("pictures/北门.jpg") == len(PICTURE)
        assert abs(store.get_modified_time("pictures/北门.jpg") - datetime.now(UTC)) < timedelta(seconds=60)
        store.delete("pictures/北门.jpg")
        assert not store.exists("pictures/北门.jpg") and not oss.objects


def test_save_rewinds_and_finds_another_name():
    with FakeOSS() as oss:
        store, content = storage(oss), ContentFile(PICTURE)
        content.read()
        store.save("a.jpg", content)
        other_name = store.save("a.jpg", ContentFile(b"other"))
        assert other_name != "a.jpg"
        assert oss.objects["a.jpg"].body == PICTURE and oss.objects[other_name].body == b"other"


def test_save_takes_every_kind_of_upload(tmp_path):
    spooled = TemporaryUploadedFile("a.jpg", "image/webp", len(PICTURE), None)
    spooled.write(PICTURE)
    with FakeOSS() as oss, picture(tmp_path).open("rb") as source:
        store = storage(oss)
        for name, content in (
            ("spooled", spooled),
            ("memory", SimpleUploadedFile("a.jpg", PICTURE, "image/webp")),
            ("file", File(source)),
        ):
            store.save(name, content)
            assert oss.objects[name].body == PICTURE
        assert oss.objects["spooled"].headers["content-type"] == "image/webp"


def test_save_takes_another_name_when_somebody_was_faster(monkeypatch):
    with FakeOSS() as oss:
        store = storage(oss)
        store.save("a.jpg", ContentFile(b"first"))
        answers, honest = [False], store.exists
        monkeypatch.setattr(store, "exists", lambda name: answers.pop() if answers else honest(name))
        name = store.save("a.jpg", ContentFile(b"second"))
        assert oss.objects["a.jpg"].body == b"first" and oss.objects[name].body == b"second"


def test_an_absent_object_is_not_found():
    with FakeOSS() as oss:
        for action in (storage(oss).open, storage(oss).size, storage(oss).get_modified_time):
            with pytest.raises(FileNotFoundError):
                action("gone.jpg")


def test_a_damaged_download_is_refused():
    with FakeOSS() as oss:
        store = storage(oss)
        store.save("a.jpg", ContentFile(PICTURE))
        oss.wrong_crc(method="GET")
        assert refusal(store.open, "a.jpg").word == "inconsistent"


def test_listdir_is_relative_to_the_path_and_the_prefix():
    with FakeOSS() as oss:
        store = storage(oss, prefix="media")
        for name in ("a.jpg", "gate/b.jpg", "gate/day/c.jpg"):
            store.save(name, ContentFile(b"x"))
        assert store.listdir("") == (["gate"], ["a.jpg"])
        assert store.listdir("gate") == (["day"], ["b.jpg"])
        assert store.listdir("gate/day/") == ([], ["c.jpg"])


def test_keys_cannot_leave_the_prefix(tmp_path):
    with FakeOSS() as oss:
        for key in ("../other.jpg", "/root.jpg", ""):
            assert (
                refusal(storage(oss, prefix="p").put_file, picture(tmp_path), key, "image/jpeg").word
                == "bad_key"
            )
        assert not oss.counts


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"public_endpoint": "oss-cn-test.aliyuncs.com"}, "https://photos.oss-cn-test.aliyuncs.com/"),
        (
            {"public_endpoint": "https://photos.oss-cn-test.aliyuncs.com"},
            "https://photos.oss-cn-test.aliyuncs.com/",
        ),
        ({"public_endpoint": "http://img.example.test", "cname": True}, "http://img.example.test/"),
        ({"cname": "img.example.test"}, "https://img.example.test/"),
        ({"endpoint": "img.example.test", "cname": "true"}, "https://img.example.test/"),
        ({}, "http://127.0.0.1:9/photos/"),
    ],
)
def test_urls_are_made_for_the_public_address_without_a_request(options, start):
    store = offline(**options)
    assert store.public_url("gate/北 a.jpg") == start + "gate/%E5%8C%97%20a.jpg"
    assert store.signed_url("gate/a.jpg", 60).startswith(start + "gate/a.jpg?x-oss-")


def test_the_bucket_is_reached_by_the_api_endpoint_and_shown_by_the_public_one(tmp_path):
    with FakeOSS() as oss:
        store = storage(oss, public_endpoint="http://img.example.test", cname=True)
        store.put_file(picture(tmp_path), "a.jpg", "image/jpeg")
        assert oss.objects["a.jpg"].body == PICTURE
        assert urlsplit(store.url("a.jpg")).netloc == "img.example.test"


@pytest.mark.parametrize(("asked_s", "given_s"), [(0, 600), (60, 60), (-5, 1), (10**9, 604800)])
def test_the_life_of_a_url_is_clamped(asked_s, given_s):
    query = parse_qs(urlsplit(offline().url("a.jpg", expires_s=asked_s)).query)
    assert query["x-oss-expires"] == [str(given_s)]


def test_the_region_is_read_from_aliyuns_host_name():
    store = offline(endpoint="https://oss-cn-hangzhou-internal.aliyuncs.com", region="")
    assert "%2Fcn-hangzhou%2Foss%2F" in store.url("a.jpg")


def test_nothing_is_sent_at_construction_and_django_can_describe_it():
    store = offline()
    path, args, kwargs = store.deconstruct()
    assert (path, args, kwargs["bucket"]) == ("media_pipeline.mirror.oss.OSSStorage", (), "photos")
    assert isinstance(copy.copy(store), Storage)


def test_the_sdk_cannot_log_what_it_signs():
    assert logging.getLogger("oss2.auth").getEffectiveLevel() >= logging.WARNING


def test_no_checksum_is_left_to_the_sdk_whose_own_may_be_slow(tmp_path, monkeypatch):
    assert inspect.isbuiltin(fastcrc.crc64.xz)
    monkeypatch.delattr(oss2.utils, "Crc64")
    monkeypatch.delattr(oss2.utils.crcmod, "Crc")
    with FakeOSS() as oss:
        store = storage(oss)
        store.put_file(picture(tmp_path), "a.jpg", "image/jpeg")
        store.save("b.jpg", ContentFile(PICTURE))
        assert store.open("a.jpg").read() == store.open("b.jpg").read() == PICTURE


def test_crc64_is_the_published_one_in_pieces_too():
    crc = Crc64()
    for piece in (b"1234", b"", b"56789"):
        crc.update(piece)
    assert crc.value == 0x995DC9BBDF1939FA


def test_a_saved_file_is_compared_with_what_oss_computed():
    with FakeOSS() as oss:
        oss.wrong_crc(times=1, method="PUT")
        assert refusal(storage(oss).save, "a.jpg", ContentFile(PICTURE)).word == "inconsistent"


def test_a_proxy_from_the_environment_is_not_used_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with FakeOSS() as oss:
        assert not storage(oss).exists("a.jpg")
        assert [step.ok for step in storage(oss).probe()] == [True] * 4
