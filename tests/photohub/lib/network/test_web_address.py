import pytest

from photohub.lib.network.web_address import read_address


@pytest.mark.parametrize("url", ["http://a/b", "https://u:p@a:8443/x?y=1", "http://[::1]:80/"])
def test_addresses_are_split(url):
    assert read_address(url, ("http", "https")).hostname in ("a", "::1")


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "gopher://a/", "http://", "http://a:0/", "http://a /", "//a"]
)
def test_other_addresses_are_refused_in_a_sentence(url):
    with pytest.raises(ValueError, match=r"\w+ .*\.$"):
        read_address(url, ("http", "https"))


def test_a_bare_connection_needs_a_port():
    assert read_address("tcp://cam:8080", ("tcp",)).port == 8080
    with pytest.raises(ValueError, match="port"):
        read_address("tcp://cam", ("tcp",))
