import pytest

from photohub.lib.http_scope import client_address, headers_of


def scope(*headers, client="10.0.0.9"):
    return {"headers": [(n.encode(), v) for n, v in headers], "client": (client, 1)}


def test_a_header_that_came_twice_has_no_value():
    assert headers_of(scope(("a", b"1"), ("A", b"2"), ("b", b"3"))) == {"a": None, "b": "3"}


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_chinese_headers_are_read_in_both_usual_encodings(encoding):
    assert headers_of(scope(("name-pic", "门口".encode(encoding))))["name-pic"] == "门口"


def test_nobody_is_believed_about_his_address_without_a_trusted_proxy(settings):
    settings.TRUSTED_PROXIES = 0
    assert client_address(scope(("x-forwarded-for", b"1.2.3.4"))) == "10.0.0.9"


def test_the_trusted_proxy_is_believed_but_not_what_it_passed_on(settings):
    settings.TRUSTED_PROXIES = 1
    assert client_address(scope(("x-forwarded-for", b"6.6.6.6, 1.2.3.4"))) == "1.2.3.4"
