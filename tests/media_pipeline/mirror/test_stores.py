import hashlib
import io
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from media_pipeline.mirror.stores import MirrorError, clean_key, hash_source, open_mirror, open_source
from tests.fakes.oss_server import FakeOSS


@pytest.mark.parametrize("given", [{}, {"PHOTOHUB_MIRROR": "none"}])
def test_no_mirror_is_none(given):
    assert open_mirror(SimpleNamespace(**given)) is None


def test_each_kind_opens_its_store(tmp_path):
    s3 = {"S3_BUCKET": "b", "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "s"}
    for kind, settings in (
        ("file", {"PHOTOHUB_MIRROR_FOLDER": str(tmp_path)}),
        ("oss", FakeOSS(port=9).settings()),
        ("s3", s3),
    ):
        assert open_mirror(SimpleNamespace(**{**settings, "PHOTOHUB_MIRROR": kind})).name == kind


def test_every_setting_arrives_in_the_store():
    settings = {**FakeOSS(port=9).settings(), "OSS_PREFIX": "p/", "OSS_CNAME": True, "OSS_SIGNATURE": "v1"}
    settings["OSS_PUBLIC_ENDPOINT"] = "https://img.example.test"
    store = open_mirror(SimpleNamespace(**settings))
    assert store.signed_url("a.jpg", 60).startswith(
        "https://img.example.test/p/a.jpg?OSSAccessKeyId=test-key-id&"
    )


def test_a_store_is_opened_once_for_the_same_settings(tmp_path):
    settings = SimpleNamespace(PHOTOHUB_MIRROR="file", PHOTOHUB_MIRROR_FOLDER=str(tmp_path))
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(lambda _: open_mirror(settings), range(32)))
    assert len({id(store) for store in stores}) == 1
    settings.PHOTOHUB_MIRROR_FOLDER = str(tmp_path / "other")
    assert open_mirror(settings) is not stores[0]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"PHOTOHUB_MIRROR": "ftp"}, ["PHOTOHUB_MIRROR"]),
        ({"PHOTOHUB_MIRROR": "file"}, ["PHOTOHUB_MIRROR_FOLDER"]),
        ({"PHOTOHUB_MIRROR": "oss", "OSS_ENDPOINT": "e"}, ["OSS_BUCKET", "OSS_ACCESS_KEY_ID"]),
        ({"PHOTOHUB_MIRROR": "s3", "S3_BUCKET": "b"}, ["S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"]),
    ],
)
def test_a_wrong_or_missing_setting_is_named(given, names):
    with pytest.raises(MirrorError) as caught:
        open_mirror(SimpleNamespace(**given))
    assert caught.value.configuration and all(name in str(caught.value) for name in names)


def test_the_sdks_are_not_imported_before_a_store_needs_them():
    code = "import sys, media_pipeline.mirror.stores; print('oss2' in sys.modules, 'boto3' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


def test_an_error_keeps_its_meaning_between_processes():
    error = pickle.loads(pickle.dumps(MirrorError("It is full.", "disk_full", configuration=True)))
    assert (str(error), error.word, error.permanent, error.configuration) == (
        "It is full.",
        "disk_full",
        False,
        True,
    )


def test_a_missing_or_unreadable_source_is_told_apart(tmp_path):
    for path, word, permanent in (
        (tmp_path / "gone.jpg", "missing_local", True),
        (tmp_path, "unreadable_local", False),
    ):
        with pytest.raises(MirrorError) as caught, open_source(path):
            pass
        assert (caught.value.word, caught.value.permanent) == (word, permanent)


def test_hashing_a_source_rewinds_it():
    content = bytes(1_000_000)
    source, digest = io.BytesIO(content), hashlib.sha256()
    assert hash_source(source, digest) == len(content)
    assert digest.digest() == hashlib.sha256(content).digest() and source.tell() == 0


@pytest.mark.parametrize("key", ["", "/a", "a//b", "a/../b", ".", "a\\b", "a\0", "ü" * 512])
def test_an_unusable_key_is_refused(key):
    with pytest.raises(MirrorError) as caught:
        clean_key(key)
    assert caught.value.word == "bad_key" and caught.value.permanent


@pytest.mark.parametrize("prefix", ["p", "p/", "/p/"])
def test_the_prefix_is_joined_with_one_slash(prefix):
    assert clean_key("gate/a.jpg", prefix) == "p/gate/a.jpg"
