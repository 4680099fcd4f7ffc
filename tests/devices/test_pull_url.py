import pytest

from devices.pull_url import mask_password, read_pull_url


@pytest.mark.parametrize("url", ["http://cam/a.jpg", "https://u:p@cam:8443/x", "tcp://10.0.0.5:8080"])
def test_addresses_of_cameras_are_read(url):
    assert read_pull_url(url).hostname in ("cam", "10.0.0.5")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "tcp://host", "http://x:0/", "http://[1/"])
def test_other_addresses_are_refused_in_a_sentence(url):
    with pytest.raises(ValueError, match=r"\w+ .*\.$"):
        read_pull_url(url)


def test_a_password_is_hidden():
    assert mask_password("http://u:p@ss@cam/x") == "http://u:***@cam/x"
    assert mask_password("http://cam/a@b:c") == "http://cam/a@b:c"
