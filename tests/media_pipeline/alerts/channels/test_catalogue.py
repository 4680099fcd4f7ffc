import pytest

from media_pipeline.alerts.channels import apprise_services
from media_pipeline.alerts.channels.catalogue import BY_WORD

FILLED = {
    "mail": [
        (
            {"host": "smtp.example.org", "user": "a@example.org", "password": "p/@:", "to": "b@example.org"},
            "starttls",
        ),
        ({"host": "mail.lan:25", "sender": "hub@example.org", "to": "b@example.org"}, "insecure"),
        ({"host": "smtp.qq.com:465", "user": "1@qq.com", "password": "x", "to": "1@qq.com"}, "ssl"),
    ],
    "ntfy": [
        ({"topic": "garden-7"}, "ntfys://ntfy.sh/garden-7"),
        ({"topic": "a", "server": "http://ntfy.lan:8080/", "token": "tk_1"}, "ntfy://tk_1@ntfy.lan:8080/a"),
    ],
    "telegram": [({"token": "123456789:abcdefg_hijklmnop", "chat": "-100123"}, "tgram://")],
    "wecom": [
        ({"key": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a-7aoc"}, "wecombot://693a-7aoc"),
        ({"key": "693a-7aoc"}, "wecombot://693a-7aoc"),
    ],
    "dingtalk": [
        (
            {"token": "https://oapi.dingtalk.com/robot/send?access_token=abc123", "secret": "SEC0f"},
            "dingtalk://SEC0f@abc123",
        ),
        ({"token": "abc123"}, "dingtalk://abc123"),
    ],
    "feishu": [
        ({"token": "https://open.feishu.cn/open-apis/bot/v2/hook/0f-aa"}, "feishu://0f-aa"),
        ({"token": "https://open.larksuite.com/open-apis/bot/v2/hook/0f-aa"}, "lark://0f-aa"),
    ],
    "other": [({"address": " gotify://example.org/AbCdEf "}, "gotify://example.org/AbCdEf")],
}


@pytest.mark.parametrize("word", BY_WORD)
def test_what_people_fill_in_is_what_apprise_reads(word):
    for values, part in FILLED[word]:
        address = BY_WORD[word].make(values)
        assert part in address
        assert apprise_services.fault_of(address, is_owners=True) == "", address


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("mail", {"host": "smtp.example.org:x", "user": "a@b.c", "to": "b@b.c"}),
        ("mail", {"host": "smtp.example.org", "user": "nobody", "to": "b@b.c"}),
        ("ntfy", {"topic": "a topic"}),
        ("ntfy", {"topic": "a", "server": "ftp://x"}),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(word, values):
    with pytest.raises(ValueError, match=r"\.$"):
        BY_WORD[word].make(values)
