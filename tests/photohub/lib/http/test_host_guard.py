import pytest

from photohub.lib.http.host_guard import refuse_unknown_host


async def ask(*hosts: str, path: str = "/") -> tuple[bool, list]:
    sent = []

    async def send(message):
        sent.append(message)

    named = [(b"host", host.encode()) for host in hosts]
    refused = await refuse_unknown_host({"headers": named, "path": path}, send)
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


@pytest.mark.parametrize("second", ["hub.example", "evil.example"])
async def test_two_names_are_refused(settings, second):
    settings.ALLOWED_HOSTS = ["hub.example", "*"]
    assert (await ask("hub.example", second))[0]


async def test_health_probes_need_no_name(settings):
    settings.ALLOWED_HOSTS = ["hub.example"]
    assert (await ask("172.18.0.4", path="/healthz"))[0] is False


@pytest.mark.parametrize(
    ("path", "refused"), [("/panel/key/next", False), ("/api/display", False), ("/", True)]
)
async def test_boards_that_know_no_host_reach_only_what_is_theirs(settings, path, refused):
    settings.ALLOWED_HOSTS = ["hub.example"]
    assert (await ask("", path=path))[0] is refused


async def test_a_wrong_name_is_refused_there_too(settings):
    settings.ALLOWED_HOSTS = ["hub.example"]
    assert (await ask("evil.example", path="/panel/key/next"))[0]
