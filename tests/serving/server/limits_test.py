"""Limits of requests, called like an ASGI application by its server."""

import asyncio
import json
import logging

import pytest

from dlunits.serving.server import limits
from dlunits.serving.server.limits import RequestLimits


async def echo(scope, receive, send):
    """Application that answers with the length of the body."""
    message = await receive()
    assert not message.get("more_body")
    text = str(len(message.get("body", b""))).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


def scope(method="POST", path="/v1/models/a:predict", **headers):
    return {
        "type": "http",
        "method": method,
        "path": path,
        "client": ("127.0.0.1", 5),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }


async def call(app, scope, parts=(b"",), then=None):
    """Status, headers and body of the response, and the parts not read."""
    left, sent = list(parts), []

    async def receive():
        if not left:
            return then or {"type": "http.disconnect"}
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return None, {}, b"", left
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body, left


def limited(app=echo, max_body=10, max_concurrency=2, access_log=False):
    return RequestLimits(
        app,
        max_body=max_body,
        max_concurrency=max_concurrency,
        access_log=access_log,
    )


def test_bodies_up_to_the_limit_are_passed_on_whole():
    status, _, body, _ = asyncio.run(
        call(limited(), scope(), [b"12345", b"", b"67890"])
    )
    assert (status, body) == (200, b"10")


@pytest.mark.parametrize("headers", [{"content-length": "11"}, {}])
def test_larger_bodies_are_refused_with_the_reason(headers):
    app = limited()
    status, sent, body, left = asyncio.run(
        call(app, scope(**headers), [b"123456"] * 5)
    )
    assert status == 413
    assert "at most 10 bytes" in json.loads(body)["error"]
    assert sent[b"connection"] == b"close"
    assert not left  # the rest of the request is read
    assert app.responses == {("POST", 413): 1}


def test_a_body_without_end_is_not_read_forever(monkeypatch):
    monkeypatch.setattr(limits, "DRAIN_SECONDS", 0.1)
    endless = {"type": "http.request", "body": b"x" * 100, "more_body": True}

    async def forever(scope, receive, send):
        raise AssertionError("must not be called")

    async def receive():
        await asyncio.sleep(0)
        return endless

    sent = []

    async def send(message):
        sent.append(message)

    app = limited(forever)
    asyncio.run(asyncio.wait_for(app(scope(), receive, send), 10))
    assert sent[0]["status"] == 413


def test_more_requests_than_the_limit_are_refused_and_health_is_not():
    async def run():
        go = asyncio.Event()

        async def slow(scope, receive, send):
            if scope["method"] == "POST":
                await go.wait()
            await echo(scope, receive, send)

        app = limited(slow)
        first = [asyncio.create_task(call(app, scope())) for _ in range(2)]
        await asyncio.sleep(0.01)
        status, headers, body, _ = await call(app, scope())
        assert (status, headers[b"retry-after"]) == (503, b"1")
        assert "2 requests at a time" in json.loads(body)["error"]
        assert (await call(app, scope("GET", "/v2/health/live")))[0] == 200
        go.set()
        assert [found[0] for found in await asyncio.gather(*first)] == [200] * 2
        assert (await call(app, scope()))[0] == 200

    asyncio.run(run())


def test_a_client_that_leaves_is_not_answered():
    app = limited()

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        raise AssertionError("must not be called")

    asyncio.run(app(scope(), receive, send))
    assert app.num_requests == 0


def test_the_access_log_has_one_line_for_any_path(caplog, monkeypatch):
    logger = logging.getLogger("dlunits.serving.access")
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger.parent, "propagate", True)
    caplog.set_level(logging.INFO, logger.name)
    path = "/v1/models/a\n2026 forged" + "x" * 999
    asyncio.run(call(limited(access_log=True), scope(path=path), [b"123"]))
    [record] = caplog.records
    line = record.getMessage()
    assert line.startswith('127.0.0.1:5 "POST /v1/models/a%0A2026%20forged')
    assert '" 200 3 bytes ' in line
    assert "\n" not in line
    assert len(line) < 300
