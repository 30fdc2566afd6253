"""Limits of the size and number of HTTP requests, and the access log."""

import asyncio
import collections
import json
import logging
import time
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

from dlunits.serving.server.errors import (
    OverloadedError,
    RequestError,
    TooLargeError,
)

access_logger = logging.getLogger("dlunits.serving.access")

DRAIN_SECONDS = 2.0  # time for reading the body of a rejected request
METHODS = {"GET", "HEAD", "POST"}

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class RequestLimits:
    """ASGI middleware that limits requests and logs them.

    The body of a request is read before the application is called; it may have
    at most `max_body` bytes. At most `max_concurrency` requests with a body are
    processed at a time. Other requests get an error status and a reason in
    JSON, and the connection is closed.

    Args:
        app: ASGI application.
        max_body: Largest body of a request, in bytes.
        max_concurrency: Number of requests.
        access_log: Whether each request is logged: client, method, path,
            status, bytes of the body, milliseconds.

    Attributes:
        responses: Number of responses so far, by method and status.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        *,
        max_body: int,
        max_concurrency: int,
        access_log: bool = True,
    ) -> None:
        self.app = app
        self.max_body = max_body
        self.max_concurrency = max_concurrency
        self.access_log = access_log
        self.num_requests = 0
        self.responses: collections.Counter[tuple[str, int]] = (
            collections.Counter()
        )

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Processes a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, size = time.perf_counter(), 0, 0

        async def send_and_note(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        has_body = scope["method"] not in ("GET", "HEAD")
        try:
            if has_body:
                if self.num_requests >= self.max_concurrency:
                    raise OverloadedError(
                        f"The server processes at most {self.max_concurrency} "
                        "requests at a time: try again later"
                    )
                self.num_requests += 1
                try:
                    self.check_length(scope)
                    body = await self.read_body(receive)
                    if body is None:  # the client has disconnected
                        return
                    size = len(body)
                    await self.app(scope, replay(body, receive), send_and_note)
                finally:
                    self.num_requests -= 1
            else:
                await self.app(scope, receive, send_and_note)
        except RequestError as error:
            await refuse(error, receive, send_and_note)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.responses[method, status] += 1
            if self.access_log:
                log_access(scope, status, size, time.perf_counter() - start)

    def check_length(self, scope: Scope) -> None:
        """Rejects a body that is too large according to its header."""
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self.max_body:
                raise too_large(self.max_body)

    async def read_body(self, receive: Receive) -> bytes | None:
        """Body of a request, or `None` if the client has disconnected."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.max_body:
                raise too_large(self.max_body)
            more = message.get("more_body", False)
        return b"".join(parts)


def too_large(max_body: int) -> TooLargeError:
    return TooLargeError(f"The body must have at most {max_body:,} bytes")


def replay(body: bytes, receive: Receive) -> Receive:
    """Function `receive` for a request whose body has been read."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> dict[str, Any]:
        return messages.pop() if messages else await receive()

    return next_message


async def refuse(error: RequestError, receive: Receive, send: Send) -> None:
    """Sends the reason of an error, and closes the connection.

    For up to 2 seconds, the rest of the request is read: a connection that is
    closed with unread data is reset, and the client may lose the response.
    """
    body = json.dumps({"error": str(error)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if error.status == 503:
        headers.append((b"retry-after", b"1"))
    start = {"type": "http.response.start", "status": error.status}
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def log_access(scope: Scope, status: int, size: int, seconds: float) -> None:
    """Logs a request on one line; special characters of the path are quoted."""
    host, port = scope["client"] or ("-", 0)
    path = urllib.parse.quote(scope["path"], safe="/:")
    access_logger.info(
        '%s:%d "%s %.200s" %d %d bytes %.1f ms',
        host,
        port,
        scope["method"],
        path,
        status,
        size,
        1000 * seconds,
    )
