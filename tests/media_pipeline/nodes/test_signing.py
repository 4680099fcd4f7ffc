import pytest

from media_pipeline.nodes import signing

PATH, NOW = "/nodes/2/original/x", 1_800_000_000.0


def test_a_proof_is_good_for_its_path_and_for_a_short_while():
    proof = signing.sign(PATH, NOW)
    assert signing.is_good(PATH, proof, NOW) and signing.is_good(PATH, proof, NOW + signing.LASTS_S)
    assert not signing.is_good("/nodes/3/original/x", proof, NOW)
    assert not signing.is_good(PATH, proof, NOW + 3600) and not signing.is_good(PATH, proof, NOW - 3600)


def test_clocks_may_differ_a_little():
    assert signing.is_good(PATH, signing.sign(PATH, NOW + 60), NOW)
    assert signing.is_good(PATH, signing.sign(PATH, NOW - 60), NOW)


def test_another_secret_makes_no_proof(settings):
    proof = signing.sign(PATH, NOW)
    settings.SECRET_KEY = "another secret that is long enough"
    assert not signing.is_good(PATH, proof, NOW)


@pytest.mark.parametrize(
    "proof", ["", ".", "1", "x.y", "-1.a", "9" * 13 + ".a", "1800000020", "1800000020.", "٣.a"]
)
def test_anything_else_is_no_proof(proof):
    assert not signing.is_good(PATH, proof, NOW)


def test_the_end_cannot_be_moved():
    until, _dot, mac = signing.sign(PATH, NOW).partition(".")
    assert not signing.is_good(PATH, f"{int(until) + 1}.{mac}", NOW)
