import pytest

from photohub.lib.pages.sizes import size_in_words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (99_940, "99.9 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (500_000_000, "500 MB"),
        (83_800_000_000, "83.8 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_are_written_as_settings_are(size_bytes, words):
    assert size_in_words(size_bytes) == words
