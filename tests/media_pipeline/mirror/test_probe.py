from types import SimpleNamespace

import pytest

from media_pipeline.mirror.probe import is_loopback
from media_pipeline.mirror.stores import ProbeStep, open_mirror
from tests.fakes.oss_server import FakeOSS


def probe(oss: FakeOSS, **settings) -> list[ProbeStep]:
    return open_mirror(SimpleNamespace(**{**oss.settings(), "OSS_PREFIX": "hub/", **settings})).probe()


def outcomes(steps: list[ProbeStep]) -> list[tuple[str, bool]]:
    return [(step.name, step.ok) for step in steps]


def test_a_healthy_mirror_passes_every_step_and_is_left_clean():
    with FakeOSS() as oss:
        steps = probe(oss)
        assert outcomes(steps) == [
            ("put", True),
            ("read back", True),
            ("public read", True),
            ("delete", True),
        ]
        assert all(step.elapsed_ms > 0 and step.sentence.endswith(".") for step in steps)
        assert not oss.objects and oss.counts["PUT"] == 1


def test_a_failing_step_stops_the_rest_but_not_the_delete():
    with FakeOSS() as oss:
        oss.accept_then_drop(times=1)
        assert outcomes(probe(oss)) == [("put", False), ("delete", True)]
        assert not oss.objects


def test_what_is_wrong_is_said_in_words():
    with FakeOSS() as oss:
        steps = probe(oss, OSS_ACCESS_KEY_SECRET="guess")
        assert outcomes(steps) == [("put", False), ("delete", False)]
        assert "OSS_ACCESS_KEY_SECRET" in steps[0].sentence


def test_bytes_that_come_back_changed_are_noticed():
    with FakeOSS() as oss:
        oss.wrong_crc(method="GET")
        assert outcomes(probe(oss)) == [("put", True), ("read back", False), ("delete", True)]


def test_an_unreachable_public_address_is_noticed():
    with FakeOSS() as oss:
        steps = probe(oss, OSS_PUBLIC_ENDPOINT="http://127.0.0.1:9")
        assert outcomes(steps)[2:] == [("public read", False), ("delete", True)]
        assert "did not answer" in steps[2].sentence and "Signature" not in steps[2].sentence


def test_a_refusing_public_address_is_noticed():
    with FakeOSS() as oss, FakeOSS(bucket="others") as elsewhere:
        steps = probe(oss, OSS_PUBLIC_ENDPOINT=elsewhere.endpoint)
        assert not steps[2].ok and "404 NoSuchBucket" in steps[2].sentence


def test_a_public_address_with_other_bytes_is_noticed(tmp_path, monkeypatch):
    other = tmp_path / "other.txt"
    other.write_bytes(b"different bytes")
    with FakeOSS() as oss:
        store = open_mirror(SimpleNamespace(**oss.settings()))
        store.put(other, "other.txt", "text/plain")
        url = store.signed_url("other.txt", 60)
        monkeypatch.setattr(store, "signed_url", lambda key, expires_s: url)
        steps = store.probe()
        assert outcomes(steps)[2:] == [("public read", False), ("delete", True)]
        assert "different bytes" in steps[2].sentence


def test_a_forced_download_is_mentioned():
    with FakeOSS() as oss:
        oss.force_download = True
        steps = probe(oss)
        assert steps[2].ok and "custom domain" in steps[2].sentence


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9/a", True),
        ("http://[::1]/", True),
        ("http://localhost", True),
        ("https://oss-cn-hangzhou.aliyuncs.com", False),
        ("http://10.0.0.1/", False),
        ("", False),
    ],
)
def test_this_machine_is_recognised(url, expected):
    assert is_loopback(url) is expected
