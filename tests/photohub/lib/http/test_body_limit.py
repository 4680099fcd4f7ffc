import asyncio
import json

from photohub.lib.http import body_limit


async def ask(
    messages: list[dict], headers=(), hang: bool = False, path: str = "/"
) -> tuple[int, bytes, list[bytes]]:
    """Send a request in pieces; return the answer's status and body, and the pieces that came through."""
    sent, seen = [], []

    async def receive() -> dict:
        if not messages and hang:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: dict) -> None:
        sent.append(message)

    async def application(scope, receive, send) -> None:
        more = True
        while more:
            message = await receive()
            seen.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    limited = body_limit.limit_body(application, {"/large": (100, 5.0)})
    await limited({"headers": list(headers), "path": path}, receive, send)
    return sent[0]["status"], sent[1]["body"], seen


def piece(data: bytes, more: bool = False) -> dict:
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_usual_body_comes_through():
    assert await ask([piece(b"a", True), piece(b"b")]) == (200, b"fine", [b"a", b"b"])


async def test_a_body_that_says_it_is_too_long_is_refused_unread():
    length = str(body_limit.BODY_AT_MOST_BYTES + 1).encode()
    status, _, seen = await ask([piece(b"a")], [(b"content-length", length)])
    assert (status, seen) == (413, [])


async def test_programs_are_refused_in_the_form_of_the_api_and_in_their_language():
    headers = [(b"content-length", b"99999999999"), (b"accept-language", b"xx, zh-CN;q=0.9")]
    _, body, _ = await ask([piece(b"a")], headers, path="/api/v1/firmware")
    refusal = json.loads(body)
    assert (refusal["code"], refusal["err"]) == (1, "too_large") and refusal["des"].startswith("请求大于")


async def test_a_body_that_says_nothing_is_cut_at_the_limit(monkeypatch):
    monkeypatch.setattr(body_limit, "BODY_AT_MOST_BYTES", 10)
    status, _, seen = await ask([piece(b"123456", True) for _ in range(5)])
    assert (status, seen) == (413, [b"123456"])


async def test_a_body_that_does_not_end_is_cut_by_time(monkeypatch):
    monkeypatch.setattr(body_limit, "BODY_WITHIN_S", 0.05)
    status, _, seen = await ask([piece(b"a", True)], hang=True)
    assert (status, seen) == (408, [b"a"])


async def test_a_path_may_have_limits_of_its_own(monkeypatch):
    monkeypatch.setattr(body_limit, "BODY_AT_MOST_BYTES", 10)
    assert (await ask([piece(b"1234567890x")], path="/large/"))[0] == 200
    assert (await ask([piece(b"x" * 101)], path="/large"))[0] == 413
    assert (await ask([piece(b"1234567890x")], path="/larger"))[0] == 413


async def test_once_the_body_is_whole_no_time_runs():
    body = body_limit._Body(lambda: asyncio.sleep(0, piece(b"a")), 10, 0.05)
    await body.receive()
    body._receive = lambda: asyncio.sleep(0.15, {"type": "http.disconnect"})
    assert (await body.receive())["type"] == "http.disconnect"
