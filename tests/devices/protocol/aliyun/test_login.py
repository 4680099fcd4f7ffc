import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.aliyun.login import Login, parse_login, sign, valid_word, verify

SECRET = "secret123"
USER = "js_node_one&iqfzjbFKlyh"
CLIENT = "iqfzjbFKlyh.js_node_one|securemode=2,signmethod={method},timestamp=1685192902891|"
# Made with: printf %s "$CONTENT" | openssl dgst -md5|-sha1|-sha256 -hmac secret123
PASSWORDS = {
    "hmacmd5": "67df3346176414b7db6618237ec25ebf",
    "hmacsha1": "48592ebf06a42128aff15085500e7435c98de0fa",
    "hmacsha256": "f53f54d85a82d05b157c2372fbf21b9c08b6562dea0f8ec8634e4fbf345a6fa1",
}
WITHOUT_TIMESTAMP = "98db03b632cb68fb0e23bd3277c5282f"


def test_the_published_sample_is_read():
    assert parse_login(CLIENT.format(method="hmacsha256"), USER) == Login(
        "iqfzjbFKlyh.js_node_one", "js_node_one", "iqfzjbFKlyh", "hmacsha256", "1685192902891"
    )


@pytest.mark.parametrize("method", PASSWORDS)
def test_passwords_are_those_of_openssl(method: str):
    login = parse_login(CLIENT.format(method=method), USER)
    assert sign(login, SECRET) == PASSWORDS[method]
    assert verify(login, SECRET, PASSWORDS[method].upper())
    assert verify(login, SECRET, PASSWORDS[method].encode())


def test_without_method_and_timestamp_it_is_md5_over_the_rest():
    login = parse_login("12345|securemode=3|", "porch&ga1b2c3")
    assert login == Login("12345", "porch", "ga1b2c3", "hmacmd5", None)
    assert sign(login, SECRET) == WITHOUT_TIMESTAMP


def test_the_order_of_parameters_does_not_matter():
    usual = parse_login("a|securemode=3,signmethod=hmacsha1,timestamp=7,lan=C,_v=4.1|", "d&p")
    assert parse_login("a|timestamp=7,_v=4.1,lan=C,signmethod=HMACSHA1,securemode=3|", "d&p") == usual


@pytest.mark.parametrize("password", ["", "0" * 64, PASSWORDS["hmacmd5"], PASSWORDS["hmacsha256"][:-1], "图"])
def test_other_passwords_are_refused(password: str):
    login = parse_login(CLIENT.format(method="hmacsha256"), USER)
    assert not verify(login, SECRET, password)


def test_an_empty_secret_opens_nothing():
    login = parse_login("12345|securemode=3|", "porch&ga1b2c3")
    assert not verify(login, "", sign(login, ""))


@pytest.mark.parametrize(
    ("client_id", "username"),
    [
        ("porch", "porch"),
        ("a|securemode=3|", "porch"),
        ("a|securemode=3", "d&p"),
        ("|securemode=3|", "d&p"),
        ("a|securemode=3|b", "d&p"),
        ("a|securemode|", "d&p"),
        ("a|timestamp=1,timestamp=2|", "d&p"),
        ("a|signmethod=hmacsha512|", "d&p"),
        ("a|" + ",".join(f"k{n}=1" for n in range(17)) + "|", "d&p"),
        ("a" * 500 + "|securemode=3|", "d&p"),
        ("a|securemode=3|", "d&p&q"),
        ("a|securemode=3|", "&p"),
        ("a|securemode=3|", "d/e&p"),
        ("a|securemode=3|", "+&p"),
    ],
)
def test_other_forms_are_not_this_login(client_id: str, username: str):
    assert parse_login(client_id, username) is None


def test_names_are_words_of_topics():
    assert valid_word("a1B2_c-d.e:f@g") and valid_word("x" * 64)
    assert not any(valid_word(word) for word in ("", "x" * 65, "a b", "a/b", "#", "a\n", "图"))


@given(st.text(max_size=40) | st.text("ab|=,1", max_size=40), st.text(max_size=10) | st.just("d&p"))
def test_reading_and_checking_never_raise(client_id: str, username: str):
    login = parse_login(client_id, username)
    assert login is None or verify(login, SECRET, sign(login, SECRET))
