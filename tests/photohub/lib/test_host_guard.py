import pytest

from photohub.lib.host_guard import refuse_unknown_host


async def ask(host: str, path: str = "/") -> tuple[bool, list]:
    sent = []

    async def send(message):
        sent.append(message)

    refused = await refuse_unknown_host({"headers": [(b"host", host.encode())], "path": path}, send)
    return refused, sent


@pytest.mark.parametrize("host", ["hub.example:8000", "localhost", "127.0.0.1:8000"])
async def test_our_names_pass(settings, host):
    settings.ALLOWED_HOSTS = ["hub.example", "localhost", "127.0.0.1"]
    assert await ask(host) == (False, [])


async def test_another_name_gets_a_page_that_says_what_to_do(settings):
    settings.ALLOWED_HOSTS = ["hub.example"]
    refused, sent = await ask("evil<b>.example")
    assert refused and sent[0]["status"] == 400
    assert b"PHOTOHUB_URL" in sent[1]["body"] and b"<b>" not in sent[1]["body"]


async def test_health_probes_need_no_name(settings):
    settings.ALLOWED_HOSTS = ["hub.example"]
    assert (await ask("172.18.0.4", "/healthz"))[0] is False


@pytest.mark.parametrize(
    ("path", "refused"), [("/panel/key/next", False), ("/api/display", False), ("/", True)]
)
async def test_boards_that_know_no_host_reach_only_what_is_theirs(settings, path, refused):
    settings.ALLOWED_HOSTS = ["hub.example"]
    assert (await ask("", path))[0] is refused


async def test_a_wrong_name_is_refused_there_too(settings):
    settings.ALLOWED_HOSTS = ["hub.example"]
    assert (await ask("evil.example", "/panel/key/next"))[0]
