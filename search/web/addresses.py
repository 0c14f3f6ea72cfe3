"""Which addresses of the network a picture may be fetched from: public ones, and no others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

from search.web.errors import WebError

Address = IPv4Address | IPv6Address

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""From a host's name and a port to its addresses as texts."""

LOOK_UPS_AT_ONCE = 4

_NOT_PUBLIC = (
    # The machine under a virtual one, of Azure; relays that are no more; addresses for documents.
    ip_network("168.63.129.16/32"),
    ip_network("192.88.99.0/24"),
    ip_network("3fff::/20"),
)
"""What Python's tables take for public, or did when it was made."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""Behind its last 32 bits there is an IPv4 address (RFC 6052)."""


def is_public(address: Address) -> bool:
    """Say whether *address* is one of the public network: not private, loopback, link-local, reserved or multicast.

    An IPv6 address that leads to an IPv4 one is what that is.
    """
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner:
            return all(map(is_public, inner))
        if address.is_site_local or address.scope_id:
            return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not (
        address.is_private
        or address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )


def _inner(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that *address* leads to."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if int(address) >> 32 == 0 and int(address) > 1:
        # Once "IPv4-compatible"; some systems still take them so.
        found.append(IPv4Address(int(address)))
    return [one for one in found if one is not None]


class SystemNames:
    """Asks the system for addresses, by threads of its own: a name may take long, and is nobody else's business."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(LOOK_UPS_AT_ONCE, "names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of *host*. Raises OSError."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._pool, ask)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def close(self) -> None:
        """Ask nothing more; what is being asked ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def check(address: str, allowed: Callable[[Address], bool]) -> None:
    """Raise :class:`~search.web.errors.WebError` unless *allowed* has *address*."""
    if not allowed(ip_address(address)):
        raise Forbidden


class Forbidden(WebError):
    """An address that nobody is led to from here."""

    def __init__(self) -> None:
        super().__init__(
            400, "that address is not one of the public internet, and nothing is fetched from others"
        )


class CheckedResolver(AbstractResolver):
    """Gives aiohttp the addresses of a host once they are all found to be allowed.

    aiohttp connects to what it is given here and asks nobody again: a name that
    leads elsewhere a moment later leads nowhere.
    """

    def __init__(self, lookup: Lookup, allowed: Callable[[Address], bool]) -> None:
        self._lookup = lookup
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of *host*. Raises :class:`Forbidden` if any is not allowed, and OSError."""
        found = [address for address in await self._lookup(host, port) if _is_of(address, family)]
        for address in found:
            check(address, self._allowed)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _is_of(address: str, family: socket.AddressFamily) -> bool:
    return family == socket.AF_UNSPEC or (family == socket.AF_INET6) == (":" in address)
