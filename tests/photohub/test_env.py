import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from photohub import env
from photohub.env import SettingError
from photohub.lib.network.web_address import read_origin


@pytest.fixture(autouse=True)
def outside_the_suite(monkeypatch, tmp_path):
    # The suite itself runs as PHOTOHUB_ENV=test, which ignores .env files.
    monkeypatch.setenv("PHOTOHUB_ENV", "embedded")
    monkeypatch.setattr(env, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setattr(env, "READ", {})
    env.read_env_file.cache_clear()


def test_environment_wins_over_the_file_and_the_file_over_the_default(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("CAMERA=from-file\nPANEL=from-file\n")
    monkeypatch.setenv("CAMERA", "from-environment")
    assert [env.env_str(name, "default") for name in ("CAMERA", "PANEL", "GATE")] == [
        "from-environment",
        "from-file",
        "default",
    ]
    assert [env.READ[name].source for name in ("CAMERA", "PANEL", "GATE")] == [
        "environment",
        "file",
        "default",
    ]


def test_empty_value_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("CAMERA", "  ")
    assert env.env_int("CAMERA", 7) == 7


def test_suite_never_reads_somebodys_own_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("OSS_BUCKET=real\n")
    monkeypatch.setenv("PHOTOHUB_ENV", "test")
    assert env.env_str("OSS_BUCKET", "") == ""


def test_env_file_knows_quotes_comments_and_export():
    text = "# note\n\nexport A=1\nB = 'two # 2' # note\nC=three # note\nD=a#b\nE=\"\"\n"
    assert env.parse_env_file(text) == {"A": "1", "B": "two # 2", "C": "three", "D": "a#b", "E": ""}


def test_env_file_names_the_line_that_is_wrong():
    with pytest.raises(SettingError, match=r"^\.env: line 2 is not KEY=VALUE\.$"):
        env.parse_env_file("A=1\nnonsense\n")


@pytest.mark.parametrize(
    ("text", "value"), [("YES", True), ("1", True), ("on", True), ("off", False), ("False", False)]
)
def test_bool_words(monkeypatch, text, value):
    monkeypatch.setenv("FLAG", text)
    assert env.env_bool("FLAG", not value) is value


@pytest.mark.parametrize(
    ("read", "text", "word"),
    [
        (lambda: env.env_bool("X"), "maybe", "true or false"),
        (lambda: env.env_int("X", 3), "3.5", "whole number"),
        (lambda: env.env_int("X", 3, minimum=1), "0", "at least 1"),
        (lambda: env.env_int("X", 3, maximum=9), "10", "at most 9"),
        (lambda: env.env_choice("X", "a", ("a", "b")), "c", "one of: a, b"),
        (lambda: env.env_hostport("X", "h:1"), "8000", "host:port"),
        (lambda: env.env_hostport("X", "h:1"), "h:65536", "at most 65535"),
        (lambda: env.env_hostport("X", "h:1"), "::1:80", "host:port"),
        (lambda: env.env_rate("X", "off"), "5 per second", "5/s,20"),
        (lambda: env.env_rate("X", "off"), "0/s,5", "not a rate"),
        (lambda: env.env_rate("X", "off"), "5/s,0", "at least 1"),
        (lambda: env.env_size("X", "1"), "10 parsecs", "not a size"),
    ],
)
def test_wrong_value_names_the_setting_and_says_what_to_write(monkeypatch, read, text, word):
    monkeypatch.setenv("X", text)
    with pytest.raises(SettingError, match=f"^X: .*{word}"):
        read()
    assert "X" not in env.READ


@pytest.mark.parametrize(
    ("text", "pair"),
    [("0.0.0.0:8000", ("0.0.0.0", 8000)), ("[::1]:0", ("::1", 0)), ("hub.local:80", ("hub.local", 80))],
)
def test_hostport(monkeypatch, text, pair):
    assert env.env_hostport("X", text) == pair


@pytest.mark.parametrize(
    ("text", "rate"),
    [("5/s,20", (5.0, 20)), ("30/min, 3", (0.5, 3)), ("2.5/s", (2.5, 3)), ("off", None), ("OFF", None)],
)
def test_rate(text, rate):
    assert env.env_rate("X", text) == rate


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("10MB", 10**7), ("1.5 MiB", 1572864), ("200", 200), ("3kB", 3000)]
)
def test_size(text, size_bytes):
    assert env.env_size("X", text) == size_bytes


def test_secret_comes_from_a_file_and_is_never_shown(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("mei-lin\n")
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))
    assert env.env_secret("KEY", "fallback") == "mei-lin"
    assert env.READ["KEY"].source == "file"
    assert "mei-lin" not in repr(env.READ) and "fallback" not in repr(env.READ)


def test_secret_from_the_environment_is_never_shown(monkeypatch):
    monkeypatch.setenv("KEY", "mei-lin")
    assert env.env_secret("KEY") == "mei-lin"
    assert env.READ["KEY"].value == "…"


def test_secret_set_twice_is_contradictory(monkeypatch):
    monkeypatch.setenv("KEY", "a")
    monkeypatch.setenv("KEY_FILE", "/run/secrets/key")
    with pytest.raises(SettingError, match="both set"):
        env.env_secret("KEY")


@pytest.mark.parametrize("content", [None, " \n"])
def test_secret_file_that_is_missing_or_empty_fails(monkeypatch, tmp_path, content):
    if content is not None:
        (tmp_path / "key").write_text(content)
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingError, match=r"^KEY_FILE: the file"):
        env.env_secret("KEY")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://photos.example.org/", "https://photos.example.org"),
        ("HTTPS://Photos.Example.ORG.:443", "https://photos.example.org"),
        ("http://hub:80", "http://hub"),
        ("http://hub:443", "http://hub:443"),
        ("http://[2001:DB8:0::1]:8000/", "http://[2001:db8::1]:8000"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(monkeypatch, text, origin):
    monkeypatch.setenv("X", text)
    assert env.env_parsed("X", "", "", read_origin) == origin


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("photos.example.org", "begin with"),
        ("ftp://h", "begin with"),
        ("https://", "name a host"),
        ("http://h:port", "not an address"),
        ("http://h:0", "must begin"),
        ("https://h/photos", "no path"),
        ("https://h//", "no path"),
        ("https://h?", "no path"),
        ("https://h/?a=1", "no path"),
        ("https://h/#top", "no path"),
        ("https://anna:geheim@h", "user name or password"),
        ("https://@h", "user name or password"),
        ("https://my_hub", "letters, digits"),
        ("https://h%41", "letters, digits"),
        ("https://-/a b", "must begin"),
        ("https://[fe80::1%25eth0]", "an address|letters"),
    ],
)
def test_what_cannot_be_the_outside_address_is_refused_at_the_start(monkeypatch, text, word):
    monkeypatch.setenv("X", text)
    with pytest.raises(SettingError, match=rf"^X: .*({word})") as caught:
        env.env_parsed("X", "", "", read_origin)
    assert "geheim" not in str(caught.value) and "X" not in env.READ


def test_proxies_are_a_number_or_their_networks(monkeypatch):
    monkeypatch.setenv("PROXIES", "2")
    assert env.env_proxies("PROXIES", "0") == (2, [])
    monkeypatch.setenv("PROXIES", "10.0.0.0/8, fd00::1")
    assert [str(network) for network in env.env_proxies("PROXIES", "0")[1]] == ["10.0.0.0/8", "fd00::1/128"]
    for wrong in ("-1", "proxy", "0.0.0.0/0", "10.0.0.0/8,::/0", "1,2.3"):
        monkeypatch.setenv("PROXIES", wrong)
        with pytest.raises(SettingError, match=r"^PROXIES: "):
            env.env_proxies("PROXIES", "0")


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("PHOTOHUB_TRASH_DAYS", 3650),
        ("PHOTOHUB_KEEP_DAYS", 36_500),
        ("PHOTOHUB_FREE_LOCAL_AFTER_DAYS", 36_500),
        ("PHOTOHUB_KEEP_TIME_LAPSES_DAYS", 36_500),
    ],
)
def test_more_days_than_the_calendar_has_are_named_at_the_start(monkeypatch, name, most):
    monkeypatch.setenv("PHOTOHUB_ENV", "test")
    monkeypatch.setenv(name, str(most + 1))
    with pytest.raises(SettingError, match=f"^{name}: .*{most + 1} is too large. Write at most {most}"):
        runpy.run_path(str(Path(settings.BASE_DIR) / "photohub" / "settings.py"))


@pytest.mark.parametrize(
    ("words", "within_s"),
    [
        ("manage.py web", 2),
        ("manage.py alive web", 2),
        ("celery worker", 2),
        ("manage.py add_device porch", 15),
    ],
)
def test_a_command_waits_longer_for_a_busy_database_than_who_serves(words, within_s, tmp_path):
    asked = (
        f"import sys; sys.argv = {words.split()}; from photohub.settings import DATABASES as d; "
        "o = d['default']['OPTIONS']; print(o['connect_timeout'], o['pool']['timeout'], o['pool']['reconnect_timeout'])"
    )
    env = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgres://hub@db/hub",
        "PHOTOHUB_DATA": str(tmp_path),
    }
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=settings.BASE_DIR)
    assert done.stdout.split() == [str(within_s)] * 3, done.stderr
