"""What stands before every route: who asks, how much at once, how large, and what browsers are told to keep to."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artstore.errors import UsageError
from search.web.errors import WebError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing but our own files: no inline script or style, no other origin, no frame around it."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}

BODY_S = 60.0
"""How long a request may take to arrive."""

FORM_BYTES = 1 << 16
"""What a form has beside its picture."""

BURST_S = 30.0
"""So much of what a client may ask in the long run, it may ask at once."""

MOST_CLIENTS = 10_000
"""Clients that are remembered; whoever was not seen for longest starts anew."""

Network = IPv4Network | IPv6Network


class SafeHeaders:
    """Adds :data:`HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safely if scope["type"] == "http" else send)


class BoundedBody:
    """Lets no body in that is larger than *max_bytes*, or takes longer than *max_s* to arrive.

    The route that reads it gets a :class:`~search.web.errors.WebError`.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_s: float = BODY_S) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_s = max_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        deadline_s = time.monotonic() + self._max_s
        counted = 0

        async def receive_bounded() -> Message:
            nonlocal counted
            if declared.isdigit() and int(declared) > self._max_bytes:
                raise self._too_large()
            try:
                async with asyncio.timeout(max(0.0, deadline_s - time.monotonic())):
                    message = await receive()
            except TimeoutError as error:
                raise WebError(HTTPStatus.REQUEST_TIMEOUT, "the picture took too long to arrive") from error
            counted += len(message.get("body", b""))
            if counted > self._max_bytes:
                raise self._too_large()
            return message

        has_body = scope["method"] in {"POST", "PUT", "PATCH"}
        await self._app(scope, receive_bounded if has_body else receive, send)

    def _too_large(self) -> WebError:
        return WebError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"that is more than {self._max_bytes - FORM_BYTES:,} bytes"
        )


class Clients:
    """Who asks: the address that a connection comes from, or the one that a trusted proxy tells."""

    def __init__(self, trusted_proxies: str) -> None:
        """*trusted_proxies* are addresses or networks with commas. Raises :class:`~artstore.errors.UsageError`."""
        try:
            self._trusted: list[Network] = [
                ip_network(part.strip(), strict=False) for part in trusted_proxies.split(",") if part.strip()
            ]
        except ValueError as error:
            raise UsageError(
                f"OGA_TRUSTED_PROXIES={trusted_proxies!r} is no list of addresses or networks: {error}"
            ) from error

    def name(self, scope: Scope) -> str:
        """Return the address of whoever asks, or the network of 2^64 addresses that an IPv6 one is of: those are one client's."""
        peer = (scope.get("client") or ("",))[0]
        told = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        # From the nearest to the farthest: what stands before the first that nobody trusts, anybody may have written.
        while self._trusts(peer) and told:
            peer = told.pop().strip() or peer
        return _one_client(peer)

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _one_client(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        # A socket of this machine, or nonsense: all of that is one client.
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


class Allowance:
    """A bucket of tokens for each client: what a question costs is taken out, and time fills it up again."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._most = max(1.0, self._per_s * BURST_S)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, cost: float) -> None:
        """Take *cost* from *client*; what costs more than fits in takes all.

        Raises :class:`~search.web.errors.WebError`, with nothing taken, if there is not so much.
        """
        now_s = self._clock()
        left, since_s = self._left.pop(client, (self._most, now_s))
        left = min(self._most, left + (now_s - since_s) * self._per_s)
        cost = min(cost, self._most)
        enough = left >= cost
        self._left[client] = (left - cost if enough else left, now_s)
        while len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        if not enough:
            raise WebError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "that is more than one may ask here in so short a time; wait a moment",
                retry_after_s=(cost - left) / self._per_s,
            )
