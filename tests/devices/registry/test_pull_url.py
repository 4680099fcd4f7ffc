import pytest

from devices.registry.rules import MASK, hide_all_but_host, is_masked, mask_secrets, read_pull_url, unmask


@pytest.mark.parametrize("url", ["http://cam/snapshot.jpg", "https://u:p@cam:8443/x", "tcp://10.0.0.5:8080"])
def test_addresses_of_cameras(url):
    assert read_pull_url(url).hostname in ("cam", "10.0.0.5")


@pytest.mark.parametrize("url", ["", "cam", "file:///x", "ftp://cam/", "http://", "tcp://cam", "http://a b/"])
def test_other_addresses_are_refused(url):
    with pytest.raises(ValueError, match=r".+\."):
        read_pull_url(url)


@pytest.mark.parametrize(
    ("url", "shown", "masked"),
    [
        ("", "", ""),
        ("http://cam", "http://cam", "http://cam"),
        ("http://cam/", "http://cam", "http://cam/"),
        ("tcp://cam:8080", "tcp://cam:8080", "tcp://cam:8080"),
        ("http://u:p@ss@cam/x", "http://cam/…", "http://u:***@cam/x"),
        ("http://u@cam/x", "http://cam/…", "http://u@cam/x"),
        ("http://:p@cam/", "http://cam", "http://:***@cam/"),
        ("http://cam/admin/secret/1.jpg", "http://cam/…", "http://cam/admin/secret/1.jpg"),
        (
            "http://cam/x?user=a&pwd=b&ch=1",
            "http://cam/…",
            "http://cam/x?user=***&pwd=***&ch=1",
        ),
        ("http://cam?loginuse=a&loginpas=b", "http://cam/…", "http://cam?loginuse=***&loginpas=***"),
        ("http://cam/x?Token=a=b&&c", "http://cam/…", "http://cam/x?Token=***&&c"),
        ("http://[::1]:81/x?u=a&p=b", "http://[::1]:81/…", "http://[::1]:81/x?u=***&p=***"),
        ("http://[bad/x", MASK, MASK),
    ],
)
def test_what_is_shown_to_whom(url, shown, masked):
    assert (hide_all_but_host(url), mask_secrets(url)) == (shown, masked)


KNOWN = "http://u:p@cam/x?user=a&pwd=b&ch=1"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("http://u:***@cam/x?user=***&pwd=***&ch=1", KNOWN),
        ("http://u:***@cam/y?user=***&pwd=***&ch=2", "http://u:p@cam/y?user=a&pwd=b&ch=2"),
        ("http://u:new@cam/x?pwd=***", "http://u:new@cam/x?pwd=b"),
        ("http://cam/x", "http://cam/x"),
    ],
)
def test_stars_keep_what_was_there(written, stored):
    assert unmask(written, KNOWN) == stored and not is_masked(stored)


@pytest.mark.parametrize(
    "written",
    [
        "http://u:***@evil/x",
        "http://u:***@cam:81/x",
        "https://u:***@cam/x",
        "http://other:***@cam/x",
        "http://cam/x?token=***",
    ],
)
def test_no_secret_follows_to_another_place(written):
    assert unmask(written, KNOWN) == written and is_masked(written)
