import pytest

from photohub.lib.logs import mask

KEY = "kT9secretsecretsecretsecretsecretsecretsec"


@pytest.mark.parametrize(
    "line",
    [
        f"POST /api/upload/{KEY} 200",
        f"GET /ota/esp/{KEY}?module=a",
        f"GET /panel/{KEY}/next 200",
        f"GET /panel/i/{KEY}.bmp 200",
        f"https://bucket/a.jpg?x-oss-signature={KEY}&x=1",
        f"Authorization: Bearer {KEY}",
        f"postgres://photohub:{KEY}@db/photohub",
        f"redis://:{KEY}@redis:6379/0",
    ],
)
def test_secrets_never_reach_the_log(line):
    assert KEY not in mask(line) and "…" in mask(line)


def test_ordinary_lines_stay_as_they_are():
    assert mask("POST /api/upload 200 http://hub:8000/p/abc") == "POST /api/upload 200 http://hub:8000/p/abc"
