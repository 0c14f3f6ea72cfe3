"""Fetching a picture by its URL, as a guest who is asked to by strangers: what is refused, and what is bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from search.web.addresses import Address, CheckedResolver, Forbidden, Lookup, SystemNames, check, is_public
from search.web.errors import WebError

PORTS = frozenset({80, 443})

MOST_REDIRECTS = 5

MOST_LETTERS = 2_000
"""Of a URL."""

CHUNK_BYTES = 1 << 16

AGENT = "oga-search (fetches a picture that somebody asks about)"


class Fetcher:
    """Fetches what anybody names, within bounds of address, time and size. Opened in the event loop that it is used in."""

    def __init__(
        self,
        *,
        max_bytes: int,
        max_s: float,
        allowed: Callable[[Address], bool] = is_public,
        lookup: Lookup | None = None,
        ports: frozenset[int] = PORTS,
    ) -> None:
        """*allowed*, *lookup* (None: the system's) and *ports* say where from, and are asked at every redirect."""
        self._names = SystemNames()
        self._max_bytes = max_bytes
        self._max_s = max_s
        self._allowed = allowed
        self._ports = ports
        # Addresses are not kept: each was checked for one request.
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(lookup or self._names, allowed),
            use_dns_cache=False,
            limit=8,
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A proxy from the environment would fetch from wherever it likes.
            trust_env=False,
            # What is packed is no picture; and nothing small becomes large.
            auto_decompress=False,
            headers={"User-Agent": AGENT, "Accept": "image/*", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),
            max_line_size=8190,
            max_field_size=8190,
        )

    async def fetch(self, url: str) -> bytes:
        """Return the bytes at *url*. Raises :class:`~search.web.errors.WebError` saying what is wrong with it."""
        try:
            async with asyncio.timeout(self._max_s):
                return await self._followed(url)
        except TimeoutError as error:
            raise WebError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"that server took longer than {self._max_s:g} s"
            ) from error
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
            raise WebError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "nothing could be fetched from that address"
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        self._names.close()

    async def _followed(self, url: str) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            checked = self._checked(url)
            async with self._session.get(checked, allow_redirects=False) as response:
                if response.status in {301, 302, 303, 307, 308} and "Location" in response.headers:
                    url = urljoin(str(checked), response.headers["Location"])
                    continue
                if response.status != HTTPStatus.OK:
                    raise WebError(
                        HTTPStatus.UNPROCESSABLE_ENTITY, f"that server answers with {response.status}"
                    )
                return await self._body(response)
        raise WebError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"that address leads on more than {MOST_REDIRECTS} times"
        )

    def _checked(self, url: str) -> URL:
        """Return *url* once all that can be said before a connection is."""
        if len(url) > MOST_LETTERS:
            raise WebError(HTTPStatus.BAD_REQUEST, f"that address has more than {MOST_LETTERS} letters")
        try:
            parsed = URL(url.strip())
            host, port = parsed.host, parsed.port
        except ValueError as error:
            raise WebError(HTTPStatus.BAD_REQUEST, "that is no address of a picture") from error
        if parsed.scheme not in {"http", "https"} or not host:
            raise WebError(
                HTTPStatus.BAD_REQUEST,
                "the address of a picture begins with http:// or https:// and names a server",
            )
        if parsed.user is not None or parsed.password is not None:
            raise WebError(HTTPStatus.BAD_REQUEST, "that address has a name or a password in it")
        if port not in self._ports:
            raise WebError(HTTPStatus.BAD_REQUEST, f"nothing is fetched from port {port}")
        if ":" in host or host.replace(".", "").isdigit():
            # aiohttp looks up no such host, and the system would: 127.1 and 2130706433 are addresses to it.
            try:
                check(host, self._allowed)
            except ValueError as error:
                raise Forbidden from error
        # Anything else is looked up, and checked, for the connection.
        return parsed

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        too_large = WebError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"that picture has more than {self._max_bytes:,} bytes"
        )
        if (response.content_length or 0) > self._max_bytes:
            raise too_large
        body = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_bytes:
                raise too_large
        return bytes(body)
