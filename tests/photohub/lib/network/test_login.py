import re

import httpx
import pytest

from photohub.lib.network.login import Digest, Login, read_challenges

BASIC = 'Basic realm="cam"'
MD5 = 'Digest realm="cam", nonce="n1", qop="auth"'
RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def values_of(header: str) -> dict[str, str]:
    return dict(re.findall(r'([\w*]+)="?([^",]*)"?', header.removeprefix("Digest ")))


@pytest.mark.parametrize(
    ("challenge", "cnonce", "password", "response"),
    [
        (
            RFC_7616.format("MD5"),
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "Circle of Life",
            "8ca523f5e9506fed4657c9700eebdbec",
        ),
        (
            RFC_7616.format("SHA-256"),
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "Circle of Life",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (
            'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
            "0a4f113b",
            "Circle Of Life",
            "6629fae49393a05397450978507c4ef1",
        ),
        (
            'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
            "",
            "Circle Of Life",
            "670fd8c2df070c60b045671b8b24ff02",
        ),
    ],
)
def test_the_examples_of_the_standards(challenge, cnonce, password, response):
    digest = Digest(read_challenges(challenge)[0])
    digest.cnonce = cnonce
    said = values_of(digest.answer("Mufasa", password, "GET", "/dir/index.html"))
    assert said["response"] == response and said["username"] == "Mufasa"
    assert said.get("nc", "00000001") == "00000001"


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-SESS"])
def test_another_client_answers_the_same(algorithm):
    challenge = f'Digest realm="a cam, b", qop="auth", nonce="n=1/2", opaque="x", algorithm={algorithm}'
    request = httpx.Request("GET", "http://cam/x.jpg?a=1&b=2")
    flow = httpx.DigestAuth("anna", "geheim").auth_flow(request)
    next(flow)
    refused = httpx.Response(401, headers={"WWW-Authenticate": challenge}, request=request)
    theirs = values_of(flow.send(refused).headers["Authorization"])
    digest = Digest(read_challenges(challenge)[0])
    digest.cnonce = theirs["cnonce"]
    assert values_of(digest.answer("anna", "geheim", "GET", "/x.jpg?a=1&b=2")) == theirs


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BASIC, [("basic", {"realm": "cam"})]),
        (f"{MD5}, {BASIC}", [("digest", {"realm": "cam", "nonce": "n1", "qop": "auth"}), ("basic", {"realm": "cam"})]),
        ("Negotiate dG9rZW4=, " + BASIC, [("negotiate", {}), ("basic", {"realm": "cam"})]),
        ('Digest realm="a, Basic b=\\"c\\"" , qop = auth', [("digest", {"realm": 'a, Basic b=\\"c\\"', "qop": "auth"})]),
        ("NTLM", [("ntlm", {})]),
        ("", []),
        (', = "" ;;', []),
        ('DIGEST Realm="x",NONCE=y', [("digest", {"realm": "x", "nonce": "y"})]),
    ],
)  # fmt: skip
def test_challenges_are_read(text, found):
    assert [(challenge.scheme, challenge.parameters) for challenge in read_challenges(text)] == found


@pytest.mark.parametrize("length", [10_000, 100_000])
def test_endless_nonsense_is_read_in_no_time(length):
    for text in (
        'a="' + "\\" * length,
        "a " * length,
        "=" * length,
        "a=" * length,
        "Digest " + ", x=y" * length,
    ):
        assert len(read_challenges(text)) < 8192


def test_nothing_is_sent_before_the_server_asks_and_digest_goes_first():
    login = Login("anna", "geheim")
    assert login.header("GET", "/") is None
    assert login.learn(f"{BASIC}, {MD5}") and login.header("GET", "/").startswith("Digest ")


def test_a_nonce_serves_many_requests_each_with_the_next_count():
    login = Login("anna", "geheim")
    login.learn(MD5)
    said = [values_of(login.header("GET", f"/{number}")) for number in range(3)]
    assert [one["nc"] for one in said] == ["00000001", "00000002", "00000003"]
    assert {one["nonce"] for one in said} == {"n1"} and len({one["response"] for one in said}) == 3
    login.note_next('qop=auth, nextnonce="n2"')
    after = values_of(login.header("GET", "/"))
    assert (after["nonce"], after["nc"]) == ("n2", "00000001")


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="c", nonce="n", algorithm=SHA-1',
        'Digest realm="c", nonce="n", qop="future"',
        "Digest",
        "",
    ],
)
def test_what_is_not_known_is_passed_over_for_basic(challenge):
    login = Login("anna", "geheim")
    assert login.learn(challenge) and login.header("GET", "/") == "Basic YW5uYTpnZWhlaW0="
    assert not login.learn(challenge)


def test_names_of_all_kinds():
    plain, hashed = MD5, MD5 + ", userhash=true"
    assert 'username="a\\"b\\\\c"' in Digest(read_challenges(plain)[0]).answer('a"b\\c', "p", "GET", "/")
    assert "username*=UTF-8''%E9%97%A8" in Digest(read_challenges(plain)[0]).answer("门", "p", "GET", "/")
    said = Digest(read_challenges(hashed)[0]).answer("门", "p", "GET", "/")
    assert re.search(r'username="[0-9a-f]{32}", userhash=true', said) and said.isascii()
