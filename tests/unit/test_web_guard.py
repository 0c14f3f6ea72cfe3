"""Who may ask how much, and which addresses of the network nobody is led to."""

import asyncio
from ipaddress import ip_address

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from artstore.errors import UsageError
from search.web.addresses import is_public
from search.web.errors import WebError
from search.web.guard import BURST_S, MOST_CLIENTS, Allowance, BoundedBody, Clients

PRIVATE = (
    "0.0.0.0",  # noqa: S104 - nobody binds to it
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def scope(peer: str, forwarded: str = "") -> Scope:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    return {"type": "http", "client": (peer, 1), "headers": headers}


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(ip_address(address))


def test_who_asks_too_much_is_told_when_to_come_back() -> None:
    clock = Clock()
    allowance = Allowance(60, clock)
    for _ in range(int(BURST_S)):
        allowance.take("a", 1)
    with pytest.raises(WebError) as refused:
        allowance.take("a", 2)
    assert refused.value.status == 429
    assert refused.value.retry_after_s == 2
    allowance.take("b", 1)
    clock.now_s += 2
    allowance.take("a", 2)


def test_a_question_that_costs_more_than_is_ever_there_is_answered_in_the_end() -> None:
    clock = Clock()
    allowance = Allowance(1, clock)
    allowance.take("a", 8)
    with pytest.raises(WebError):
        allowance.take("a", 8)
    clock.now_s += 60
    allowance.take("a", 8)


def test_no_more_clients_are_remembered_than_there_is_room_for() -> None:
    allowance = Allowance(60, Clock())
    for number in range(MOST_CLIENTS + 10):
        allowance.take(str(number), 1)
    assert len(vars(allowance)["_left"]) == MOST_CLIENTS


def test_a_client_is_who_connects_unless_a_trusted_proxy_says_other() -> None:
    assert Clients("").name(scope("9.9.9.9", "1.2.3.4")) == "9.9.9.9"
    trusting = Clients("10.0.0.0/8, 127.0.0.1")
    assert trusting.name(scope("127.0.0.1", "6.6.6.6, 1.2.3.4, 10.1.1.1")) == "1.2.3.4"
    assert trusting.name(scope("9.9.9.9", "1.2.3.4")) == "9.9.9.9"
    assert trusting.name(scope("127.0.0.1")) == "127.0.0.1"
    assert trusting.name(scope("127.0.0.1", "nonsense")) == "unknown"


def test_all_addresses_of_one_network_of_ipv6_are_one_client() -> None:
    assert Clients("").name(scope("2606:4700::1")) == Clients("").name(scope("2606:4700::ffff:2"))
    assert Clients("").name(scope("::ffff:1.2.3.4")) == "1.2.3.4"


def test_proxies_that_are_no_addresses_are_told() -> None:
    with pytest.raises(UsageError, match="OGA_TRUSTED_PROXIES"):
        Clients("localhost")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, and answer with its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await Response(str(length))(scope, receive, send)


def sent(chunks: list[bytes], pause_s: float = 0.0, **headers: str) -> bytes:
    """What is answered to a body of *chunks* that may have 10 bytes and take 0.2 s; raises what the route gets."""
    waiting = [*chunks]
    answered: list[bytes] = []

    async def receive() -> Message:
        await asyncio.sleep(pause_s)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        answered.append(message.get("body", b""))

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asked = {"type": "http", "method": "POST", "path": "/", "headers": named}
    asyncio.run(BoundedBody(echo, max_bytes=10, max_s=0.2)(asked, receive, send))
    return b"".join(answered)


def test_a_body_within_its_bounds_arrives() -> None:
    assert sent([b"12345", b"67890"]) == b"10"


@pytest.mark.parametrize("chunks", [[b"1" * 11], [b"12345", b"67890", b"1", b"2"]])
def test_a_body_that_is_too_large_is_not_read_to_its_end(chunks: list[bytes]) -> None:
    with pytest.raises(WebError) as refused:
        sent(chunks)
    assert refused.value.status == 413


def test_a_body_that_says_it_is_too_large_is_not_read_at_all() -> None:
    with pytest.raises(WebError) as refused:
        sent([b"1"], content_length="11")
    assert refused.value.status == 413


def test_a_body_that_drips_is_given_up() -> None:
    with pytest.raises(WebError) as refused:
        sent([b"1"] * 9, pause_s=0.05)
    assert refused.value.status == 408
