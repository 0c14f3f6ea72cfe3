"""How the fake site serves: in parts, not twice, and broken in the ways that its map promises."""

import hashlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPConnection, IncompleteRead
from io import BytesIO
from urllib.request import urlopen

import pytest
from parsel import Selector
from PIL import Image

from tests.replica import ReplicaServer, Site, build_site, challenge, large
from tests.replica.site import FILES_PATH
from tests.replica.visiting import LISTING, Reply, get, page

EARLIER = "Sun, 01 Mar 2009 08:15:00 GMT"


@pytest.fixture(scope="module")
def site() -> Site:
    return build_site(works=2, more_faults=True, large_mb=7)


@pytest.fixture
def server(site: Site) -> Iterator[ReplicaServer]:
    with ReplicaServer(site) as server:
        yield server


def at(server: ReplicaServer, name: str) -> str:
    return server.url + server.site.file(name).url_path


def eventually(condition: Callable[[], bool]) -> bool:
    stop = time.monotonic() + 5
    while not condition() and time.monotonic() < stop:
        time.sleep(0.01)
    return condition()


def test_what_comes_after_so_many_requests_waits_until_it_may_go(server: ReplicaServer) -> None:
    page(server, "/")
    server.hold(2)
    page(server, "/")
    with ThreadPoolExecutor() as pool:
        third = pool.submit(page, server, "/")
        assert eventually(lambda: len(server.requests) == 3)
        assert server.log[-1].status == 0
        assert not third.done()
        server.hold(None)
        third.result()
    assert server.log[-1].status == 200


def test_more_faults_come_after_the_others_and_the_large_file_last() -> None:
    before = build_site(works=3, faults=True).works
    after = build_site(works=3, faults=True, more_faults=True, large_mb=1).works
    assert after[: len(before)] == before
    assert [work.slug for work in after[len(before) :]] == [
        "fault-gone-file", "fault-gone-page", "fault-busy-file", "fault-busy-page", "fault-unavailable-file",
        "fault-unavailable-page", "fault-foreign-file", "fault-loop-file", "fault-loop-page", "fault-reset-file",
        "fault-cut-off-file", "fault-endless-file", "fault-oversized-file", "fault-broken-markup",
        "fault-challenge-page", "fault-challenge-page-503", "fault-endless-error", "fault-endless-page",
        "fault-bomb-page", "fault-odd-links", "large-file",
    ]  # fmt: skip


def test_a_part_of_a_file_is_sent_alone(server: ReplicaServer) -> None:
    url, content = at(server, "fennelwick.png"), server.site.file("fennelwick.png").content
    whole = get(url)
    assert (whole.headers["Accept-Ranges"], whole.headers["Content-Range"]) == ("bytes", None)
    size = len(content)
    for wanted, start, stop in (
        ("bytes=100-", 100, size), ("bytes=0-", 0, size), ("bytes=5-9", 5, 10), (f"bytes={size - 1}-", size - 1, size),
        ("bytes=-20", size - 20, size), (f"bytes=-{size * 2}", 0, size), (f"bytes=7-{size * 2}", 7, size),
    ):  # fmt: skip
        part = get(url, Range=wanted)
        assert (part.status, part.body) == (206, content[start:stop]), wanted
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert (part.headers["ETag"], part.headers["Content-Length"]) == (
            whole.headers["ETag"],
            str(stop - start),
        )


def test_a_part_beyond_the_end_is_refused_and_nonsense_passed_over(server: ReplicaServer) -> None:
    url, content = at(server, "fennelwick.png"), server.site.file("fennelwick.png").content
    for wanted in (f"bytes={len(content)}-", f"bytes={len(content) + 5}-{len(content) + 9}", "bytes=-0"):
        beyond = get(url, Range=wanted)
        assert (beyond.status, beyond.body) == (416, b""), wanted
        assert beyond.headers["Content-Range"] == f"bytes */{len(content)}"
    for wanted in ("bytes=9-5", "bytes=-", "bytes=a-", "bytes=0-1,5-6", "lines=1-"):
        assert get(url, Range=wanted)[::2] == (200, content), wanted
    assert get(url, "HEAD", Range="bytes=5-").status == 200
    assert get(server.url + LISTING, Range="bytes=5-").status == 200


def test_a_part_of_another_version_is_the_whole_new_one(server: ReplicaServer) -> None:
    url, content = at(server, "fennelwick.png"), server.site.file("fennelwick.png").content
    held = get(url).headers
    later = format_datetime(parsedate_to_datetime(held["Last-Modified"]).replace(year=2031), usegmt=True)
    for validator in (held["ETag"], held["Last-Modified"]):
        assert get(url, Range="bytes=9-", If_Range=validator)[::2] == (206, content[9:])
    for validator in ('"another"', f"W/{held['ETag']}", EARLIER, later, "nonsense"):
        assert get(url, Range="bytes=9-", If_Range=validator)[::2] == (200, content), validator
    assert get(url, Range="bytes=9-", If_None_Match=held["ETag"]).status == 304


def test_pages_and_files_held_already_are_not_sent_by_either_validator(server: ReplicaServer) -> None:
    for path in ("/content/crooked-toolbox", server.site.file("fennelwick.png").url_path, "/latest/rss.xml"):
        held = get(server.url + path)
        etag, day = held.headers["ETag"], held.headers["Last-Modified"]
        for headers in (
            {"If-None-Match": etag}, {"If-None-Match": f'"x", W/{etag}'}, {"If-None-Match": "*"},
            {"If-Modified-Since": day}, {"If-None-Match": etag, "If-Modified-Since": EARLIER},
        ):  # fmt: skip
            again = get(server.url + path, **headers)
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag), headers
        for headers in (
            {"If-None-Match": '"x"'}, {"If-Modified-Since": EARLIER.replace("2009", "2008")}, {"If-Modified-Since": "x"},
            {"If-None-Match": '"x"', "If-Modified-Since": day},
        ):  # fmt: skip
            assert get(server.url + path, **headers)[::2] == (200, held.body), headers


def test_gone_for_good(server: ReplicaServer) -> None:
    assert [get(at(server, "fault-gone.png")).status for _ in range(2)] == [410, 410]
    assert get(f"{server.url}/content/fault-gone-page").status == 410
    assert get(at(server, "fault-gone-good.png")).status == 200


def test_busy_and_unavailable_once_and_fine_after_the_pause_asked_for(
    site: Site, server: ReplicaServer
) -> None:
    def twice(url: str) -> tuple[Reply, Reply]:
        return get(url), get(url)

    for name in ("busy", "unavailable"):
        refused, file = twice(at(server, f"fault-{name}.png"))
        refused_page, shown = twice(f"{server.url}/content/fault-{name}-page")
        assert (file.status, file.body) == (200, site.file(f"fault-{name}.png").content)
        assert (shown.status, b"node-art" in shown.body) == (200, True)
        for reply in (refused, refused_page):
            pause = reply.headers["Retry-After"]
            if name == "busy":
                assert (reply.status, pause) == (429, "1")
            else:
                assert reply.status == 503
                assert 0 < (parsedate_to_datetime(pause) - datetime.now(UTC)).total_seconds() <= 2


def test_a_redirect_may_lead_to_another_host(site: Site, server: ReplicaServer) -> None:
    port = server.listener.server_port
    sent = get(at(server, "fault-foreign.png"), follow=False)
    elsewhere = f"http://localhost:{port}{FILES_PATH}elsewhere/fault-foreign.png"
    assert (sent.status, sent.headers["Location"]) == (302, elsewhere)
    assert get(elsewhere).body == site.file("fault-foreign.png").content
    assert server.log[-1].host == f"localhost:{port}"


@pytest.mark.parametrize("path", ["/content/fault-loop-page", f"{FILES_PATH}fault-loop.png"])
def test_redirects_may_lead_round_in_a_circle(server: ReplicaServer, path: str) -> None:
    seen = [server.url + path]
    while len(seen) < 5:
        sent = get(seen[-1], follow=False)
        assert sent.status in {301, 302}
        seen.append(sent.headers["Location"])
    assert seen[0] == seen[2] == seen[4]
    assert seen[1] == seen[3] != seen[0]


def test_a_connection_may_be_reset_in_the_middle_every_time(site: Site, server: ReplicaServer) -> None:
    for _ in range(3):
        with urlopen(at(server, "fault-reset.png"), timeout=10) as response:  # noqa: S310
            assert response.headers["Accept-Ranges"] is None
            assert response.read(1000) == site.file("fault-reset.png").content[:1000]
            with pytest.raises(ConnectionResetError):
                response.read()
    assert get(at(server, "fault-reset-good.png")).status == 200


def test_a_file_that_is_cut_off_twice_can_be_had_piece_by_piece(site: Site, server: ReplicaServer) -> None:
    url, content = at(server, "fault-cut-off.png"), site.file("fault-cut-off.png").content
    assert len(content) > 300_000
    Image.open(BytesIO(content)).load()
    held = b""
    for _ in range(2):
        with pytest.raises(IncompleteRead) as broken:
            get(url, Range=f"bytes={len(held)}-" if held else "")
        held += broken.value.partial
    assert len(held) == 2 * (len(content) // 3)
    rest = get(url, Range=f"bytes={len(held)}-")
    assert (rest.status, held + rest.body) == (206, content)
    assert eventually(lambda: server.log[-1].sent_bytes == len(rest.body))
    assert [entry.status for entry in server.log] == [200, 206, 206]


def test_an_endless_body_has_no_length_and_ends_when_nobody_reads_it(
    site: Site, server: ReplicaServer
) -> None:
    with urlopen(at(server, "fault-endless.png"), timeout=10) as response:  # noqa: S310
        assert response.headers["Content-Length"] is None
        assert response.headers["Transfer-Encoding"] == "chunked"
        start = response.read(3_000_000)
    assert start.startswith(site.file("fault-endless.png").content)
    assert eventually(lambda: not server.listener.open)
    [asked] = server.log
    assert 3_000_000 <= asked.sent_bytes < 30_000_000


def test_an_endless_body_ends_at_64_megabytes(server: ReplicaServer) -> None:
    assert len(get(at(server, "fault-endless.png")).body) == 64_000_000


def test_a_body_may_be_far_larger_than_declared(site: Site, server: ReplicaServer) -> None:
    sent = get(at(server, "fault-oversized.png"))
    assert int(sent.headers["Content-Length"]) == len(sent.body) > 6_000_000
    assert site.file("fault-oversized.png").declared_bytes == 2048


def test_broken_markup_says_the_same_to_a_parser_and_nothing_to_an_expression(
    site: Site, server: ReplicaServer
) -> None:
    work = site.work("fault-broken-markup")
    text = get(server.url + work.path).body.decode()
    assert not re.search(r'class="|href="/content|</body>|</p>|</li>|<!DOCTYPE', text)
    assert all(sign in text for sign in ("1 < 2", "<<more>>", "</center>", "<DIV "))
    assert text.count("<DIV") > text.count("</div>")
    shown = Selector(text).css(".node-art.view-mode-full")

    def said(name: str, what: str) -> list[str]:
        return shown.css(f".field-name-{name} .field-item").css(what).getall()

    assert shown.css('[property="dc:title"] h2::text').getall() == [work.title]
    assert said("author-submitter", "span.username a::text") == [work.author_name]
    assert said("field-art-tags", "a::text") == list(work.tags)
    assert shown.css(".license-icon .license-name::text").getall() == [each.name for each in work.licences]
    assert said("favorites", "::text") == [str(work.favourites)]
    assert said("field-art-files", "span.file > a::attr(href)") == [
        server.url + file.url_path for file in work.files
    ]
    assert said("field-art-files", "span.file > a::attr(type)") == [
        f"{f.mime}; length={f.declared_bytes}" for f in work.files
    ]
    assert "".join(said("field-copyright-notice", "::text")) == work.copyright_notice
    assert "1 < 2 && 3 > 2" in "".join(said("body", "::text"))


@pytest.mark.parametrize(
    ("slug", "status"), [("fault-challenge-page", 200), ("fault-challenge-page-503", 503)]
)
def test_behind_a_challenge_is_the_page(server: ReplicaServer, slug: str, status: int) -> None:
    url = f"{server.url}/content/{slug}"
    asked = get(url, Cookie="js_ok=0; other=1")
    assert (asked.status, asked.headers["ETag"]) == (status, None)
    assert "<title>Just a moment...</title>" in asked.body.decode()
    assert b"node-art" not in asked.body
    assert b'document.cookie = "js_ok=1' in asked.body
    passed = get(url, Cookie="other=1; js_ok=1")
    assert passed.status == 200
    assert Selector(passed.body.decode()).css(".node-art.view-mode-full h2::text").get() == (
        server.site.work(slug).title
    )
    for path in challenge.RESOURCES:
        assert path.encode() in asked.body
        assert get(server.url + path).status == 200
    assert all(path in passed.body.decode() for path in challenge.RESOURCES)


def test_the_whole_site_may_be_behind_a_challenge(site: Site) -> None:
    with ReplicaServer(site, challenge_status=503) as server:
        for path in (LISTING, "/content/crooked-toolbox"):
            assert get(server.url + path).status == 503
            assert get(server.url + path, Cookie=challenge.COOKIE).status == 200
        assert get(at(server, "fennelwick.png")).status == 200
        assert get(f"{server.url}/robots.txt").status == 200


def test_a_large_file_is_the_same_whole_and_in_parts(server: ReplicaServer) -> None:
    url = at(server, "large/7mb.bin")
    whole = get(url)
    assert len(whole.body) == server.site.file("large/7mb.bin").declared_bytes == 7_000_000
    assert hashlib.sha256(whole.body).hexdigest() == large.sha256(7)
    assert get(url, Range="bytes=3999999-4000009").body == whole.body[3_999_999:4_000_010]
    assert get(url, Range="bytes=6999990-", If_Range=whole.headers["ETag"]).body == whole.body[-10:]
    assert get(url, If_None_Match=whole.headers["ETag"]).status == 304
    assert get(url, Range="bytes=7000000-").status == 416
    links = page(server, "/content/large-file").css(".field-name-field-art-files span.file > a")
    assert links.css("::attr(href)").getall() == [url]
    assert links.css("::attr(type)").getall() == ["application/octet-stream; length=7000000"]
    blocks = {whole.body[start : start + 1000] for start in range(0, 7_000_000, large.BLOCK_BYTES)}
    assert len(blocks) == 27


def test_a_large_file_is_never_whole_in_memory() -> None:
    code = (
        "import resource, sys, urllib.request\n"
        "from tests.replica import ReplicaServer, build_site\n"
        "with ReplicaServer(build_site(works=0)) as server:\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    with urllib.request.urlopen(server.url + '/sites/default/files/large/300mb.bin') as response:\n"
        "        read = sum(len(piece) for piece in iter(lambda: response.read(1 << 16), b''))\n"
        "    print(read, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    read, more_kib = map(int, done.stdout.split())
    assert read == 300_000_000
    assert more_kib < 30_000


def test_other_names_in_the_folder_of_large_files_are_not_found(server: ReplicaServer) -> None:
    for name in ("0mb.bin", "-1mb.bin", "1mb.bin.png", "100001mb.bin", "mb.bin"):
        assert get(f"{server.url}{FILES_PATH}large/{name}").status == 404


def test_robots_txt_may_be_another_text_or_an_error(site: Site) -> None:
    with ReplicaServer(site, crawl_delay_s=3, robots="User-agent: x\nDisallow: /\n") as server:
        assert get(f"{server.url}/robots.txt").body == b"User-agent: x\nDisallow: /\n"
    for status in (404, 500):
        with ReplicaServer(site, robots_status=status) as server:
            assert get(f"{server.url}/robots.txt").status == status
            assert get(server.url + LISTING).status == 200


def test_the_log_has_what_was_said_and_what_came_of_it(server: ReplicaServer) -> None:
    url, before = at(server, "fennelwick.png"), time.monotonic()
    tag = get(url, User_Agent="ada").headers["ETag"]
    get(url, "HEAD", If_None_Match=tag, If_Modified_Since=EARLIER, User_Agent="bert")
    get(url, Range="bytes=10-19", If_Range=tag, User_Agent="ada")
    get(f"{server.url}/content/none", User_Agent="ada")
    first, second, third, fourth = server.log
    assert (first.method, first.target) == ("GET", f"{FILES_PATH}fennelwick.png") == server.requests[0]
    assert (first.status, second.status, third.status, fourth.status) == (200, 304, 206, 404)
    assert (second.if_none_match, second.if_modified_since, second.range) == (tag, EARLIER, "")
    assert (third.range, third.if_range, third.sent_bytes) == ("bytes=10-19", tag, 10)
    assert first.host == f"127.0.0.1:{server.listener.server_port}"
    assert server.user_agents == {"ada", "bert"}
    assert before < first.time_s <= second.time_s < time.monotonic()
    assert server.times == [entry.time_s for entry in server.log]
    server.forget_requests()
    assert (server.log, server.requests, server.times, server.user_agents) == ([], [], [], set())


def test_a_connection_is_good_for_more_after_a_part_and_a_304(server: ReplicaServer) -> None:
    connection = HTTPConnection("127.0.0.1", server.listener.server_port, timeout=10)
    path = server.site.file("fennelwick.png").url_path
    for headers, status in (({"Range": "bytes=5-"}, 206), ({"If-None-Match": "*"}, 304), ({"Range": "bytes=99999999-"}, 416), ({}, 200)):  # fmt: skip
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            response.read()
            assert response.status == status
    connection.close()


def test_closing_ends_a_body_that_nobody_reads(site: Site) -> None:
    with ReplicaServer(site) as server, socket.create_connection(("127.0.0.1", server.listener.server_port)) as visitor:  # fmt: skip
        visitor.sendall(f"GET {FILES_PATH}large/900mb.bin HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        visitor.recv(100)
    assert eventually(lambda: not server.listener.open)
