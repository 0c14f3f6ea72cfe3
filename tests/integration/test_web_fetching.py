"""A picture by its URL: fetched from where anybody may, and from nowhere else, whatever that server tries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from aiohttp import web

from search.web.addresses import Address
from search.web.errors import WebError
from search.web.fetching import MOST_REDIRECTS, Fetcher

MAX_BYTES = 100_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names:
    """A resolver of our own: names and what they lead to, which may be another thing each time."""

    def __init__(self, **addresses: list[str]) -> None:
        self._addresses = addresses
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        known = self._addresses[host.partition(".")[0]]
        return [known.pop(0) if len(known) > 1 else known[0]]


@asynccontextmanager
async def serving(*handlers: tuple[str, Handler]) -> AsyncIterator[int]:
    """A server at 127.0.0.1 and 127.0.0.2 that counts as the public one; gives its port."""
    app = web.Application()
    for path, handler in handlers:
        app.router.add_get(path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    first = web.TCPSite(runner, "127.0.0.1", 0)
    await first.start()
    port = int(runner.addresses[0][1])
    await web.TCPSite(runner, "127.0.0.2", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def fetching(port: int, names: Names, max_s: float = 5.0) -> AsyncIterator[Fetcher]:
    """A fetcher for which 127.0.0.1, at *port*, is the public internet, and 127.0.0.2 is not."""

    def allowed(address: Address) -> bool:
        return address == ip_address("127.0.0.1")

    fetcher = Fetcher(
        max_bytes=MAX_BYTES, max_s=max_s, allowed=allowed, lookup=names, ports=frozenset({port, 80})
    )
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def picture(_: web.Request) -> web.Response:
    return web.Response(body=b"a picture", content_type="image/png")


def redirect(target: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        port = request.url.port
        return web.Response(status=302, headers={"Location": target.replace("PORT", str(port))})

    return answer


def refused(
    *handlers: tuple[str, Handler], url: str, names: Names | None = None, max_s: float = 5.0
) -> WebError:
    """Return what is said of *url* (PORT is the server's)."""

    async def tried() -> WebError:
        async with serving(*handlers) as port, fetching(port, names or Names(), max_s) as fetcher:
            with pytest.raises(WebError) as told:
                await fetcher.fetch(url.replace("PORT", str(port)))
            return told.value

    return asyncio.run(tried())


def fetched(*handlers: tuple[str, Handler], url: str, names: Names | None = None) -> bytes:
    async def tried() -> bytes:
        async with serving(*handlers) as port, fetching(port, names or Names()) as fetcher:
            return await fetcher.fetch(url.replace("PORT", str(port)))

    return asyncio.run(tried())


def test_a_picture_is_fetched_by_name_and_by_address() -> None:
    names = Names(art=["127.0.0.1"])
    assert fetched(("/a.png", picture), url="http://art.example:PORT/a.png", names=names) == b"a picture"
    assert names.asked == ["art.example"]
    assert fetched(("/a.png", picture), url="http://127.0.0.1:PORT/a.png") == b"a picture"


def test_names_that_need_encoding_are_asked_for_as_they_are() -> None:
    async def named(request: web.Request) -> web.Response:
        return web.Response(text=request.raw_path)

    assert fetched(("/{name}", named), url="http://127.0.0.1:PORT/a%2520b%20c.png") == b"/a%2520b%20c.png"
    assert fetched(("/{name}", named), url="http://127.0.0.1:PORT/a b.png") == b"/a%20b.png"


def test_a_redirect_is_followed_to_where_anybody_may_go() -> None:
    handlers = (("/old", redirect("/new")), ("/new", picture))
    assert fetched(*handlers, url="http://127.0.0.1:PORT/old") == b"a picture"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:PORT/secret",
        "http://10.0.0.1/secret",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.2]/",
        "http://127.2/",
        "http://2130706434/",
        "http://inside.example:PORT/secret",
        "//127.0.0.2:PORT/secret",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(target: str) -> None:
    reached: list[str] = []

    async def secret(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response(text="secret")

    told = refused(
        ("/a.png", redirect(target)),
        ("/secret", secret),
        url="http://127.0.0.1:PORT/a.png",
        names=Names(inside=["127.0.0.2"]),
    )
    assert "not one of the public internet" in str(told)
    assert reached == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://art.example/a.png",
        "gopher://art.example/",
        "data:image/png;base64,AAAA",
        "//art.example/a.png",
        "a.png",
        "",
        "http://",
        "http://user:secret@127.0.0.1:PORT/a.png",
        "http://127.0.0.1:22/",
        "http://127.0.0.1:6379/",
        "http://127.0.0.1:99999/",
        "http://[::1",
        "http://" + "a" * 3000 + "/",
    ],
)
def test_what_is_no_address_of_a_picture_is_told(url: str) -> None:
    assert refused(("/a.png", picture), url=url).status == 400


@pytest.mark.parametrize(
    "host", ["127.0.0.2", "127.0.0.2.", "2130706434", "127.2", "[::1]", "[::ffff:127.0.0.2]"]
)
def test_a_private_address_is_refused_however_it_is_written(host: str) -> None:
    assert "not one of the public internet" in str(refused(("/", picture), url=f"http://{host}:PORT/"))


def test_a_name_that_leads_to_a_private_address_is_refused() -> None:
    told = refused(("/", picture), url="http://inside.example:PORT/", names=Names(inside=["127.0.0.2"]))
    assert "not one of the public internet" in str(told)


def test_a_name_that_leads_elsewhere_the_second_time_leads_nowhere() -> None:
    async def same(request: web.Request) -> web.Response:
        return web.Response(text=request.transport.get_extra_info("sockname")[0] if request.transport else "")

    # What was checked is what is connected to: the name is looked up once.
    names = Names(two=["127.0.0.1", "127.0.0.2"])
    assert fetched(("/", same), url="http://two.example:PORT/", names=names) == b"127.0.0.1"
    assert names.asked == ["two.example"]
    # And looked up, and checked, anew at a redirect.
    told = refused(
        ("/", redirect("http://two.example:PORT/again")),
        ("/again", picture),
        url="http://two.example:PORT/",
        names=Names(two=["127.0.0.1", "127.0.0.2"]),
    )
    assert "not one of the public internet" in str(told)


def test_redirects_that_never_end_do() -> None:
    assert f"more than {MOST_REDIRECTS} times" in str(
        refused(("/a", redirect("/a")), url="http://127.0.0.1:PORT/a")
    )


def test_a_redirect_to_another_scheme_or_port_is_refused() -> None:
    for target in ("file:///etc/passwd", "http://127.0.0.1:22/", "http://me:pw@127.0.0.1:PORT/"):
        assert refused(("/a", redirect(target)), url="http://127.0.0.1:PORT/a").status == 400


def test_a_large_body_is_refused_whether_it_is_declared_or_not() -> None:
    async def declared(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * (MAX_BYTES + 1))

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 10_000)

    for handler in (declared, endless):
        assert refused(("/a", handler), url="http://127.0.0.1:PORT/a").status == 413


def test_a_packed_body_stays_packed() -> None:
    async def packed(_: web.Request) -> web.Response:
        return web.Response(body=b"\x1f\x8bnothing", headers={"Content-Encoding": "gzip"})

    assert fetched(("/a", packed), url="http://127.0.0.1:PORT/a") == b"\x1f\x8bnothing"


def test_a_server_that_is_slow_costs_so_much_and_no_more() -> None:
    async def dripping(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x")
            await asyncio.sleep(0.05)

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    for handler in (dripping, silent):
        told = refused(("/a", handler), url="http://127.0.0.1:PORT/a", max_s=0.5)
        assert "longer than 0.5 s" in str(told)


def test_a_name_that_nobody_answers_for_costs_so_much_and_no_more() -> None:
    class Silent(Names):
        async def __call__(self, host: str, _port: int) -> list[str]:
            await asyncio.sleep(30)
            return [host]

    told = refused(url="http://silent.example:PORT/", names=Silent(), max_s=0.3)
    assert "longer than 0.3 s" in str(told)


def test_an_answer_that_is_none_is_told() -> None:
    assert "answers with 404" in str(refused(url="http://127.0.0.1:PORT/none"))
    told = refused(url="http://gone.example:PORT/", names=Names(gone=["127.0.0.1"]))
    assert "answers with 404" in str(told)


def test_a_server_that_is_not_there_is_told() -> None:
    async def tried() -> None:
        async with serving() as port:
            pass
        async with fetching(port, Names()) as fetcher:
            with pytest.raises(WebError, match="nothing could be fetched"):
                await fetcher.fetch(f"http://127.0.0.1:{port}/")

    asyncio.run(tried())


def test_the_public_internet_is_all_that_is_allowed_unless_a_test_says_otherwise() -> None:
    async def tried() -> None:
        fetcher = Fetcher(max_bytes=MAX_BYTES, max_s=5.0)
        try:
            for url in ("http://127.0.0.1/", "http://localhost/", "http://0x7f.1/", "http://[::1]/"):
                with pytest.raises(WebError, match="not one of the public internet"):
                    await fetcher.fetch(url)
        finally:
            await fetcher.close()

    asyncio.run(tried())
