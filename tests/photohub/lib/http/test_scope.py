import pytest

from photohub.lib.http.scope import headers_of


def scope(*headers):
    return {"headers": [(n.encode(), v) for n, v in headers]}


def test_a_header_that_came_twice_has_no_value():
    assert headers_of(scope(("a", b"1"), ("A", b"2"), ("b", b"3"))) == {"a": None, "b": "3"}


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_chinese_headers_are_read_in_both_usual_encodings(encoding):
    assert headers_of(scope(("name-pic", "门口".encode(encoding))))["name-pic"] == "门口"
