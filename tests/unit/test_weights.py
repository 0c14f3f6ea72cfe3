"""The weights of VGG16: the right file, or a message that says what to do."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embedder import weights
from embedder.errors import MissingWeights
from embedder.weights import VGG16_FILE, file_hash, vgg16_weights

CONTENT = bytes(range(256)) * 20_000

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """The address of a loopback server that gives *answer* to every GET."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/{VGG16_FILE}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def whole(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT)


def cut(request: BaseHTTPRequestHandler) -> None:
    """Promise all, give half, hang up."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT[: len(CONTENT) // 2])


def cut_in_a_chunk(request: BaseHTTPRequestHandler) -> None:
    request.protocol_version = "HTTP/1.1"
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.send_header("Connection", "close")
    request.end_headers()
    request.wfile.write(f"{len(CONTENT):x}\r\n".encode() + CONTENT[: len(CONTENT) // 2])
    request.close_connection = True


def no_http(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"SSH-2.0-not-a-web-server\r\n")


def other_bytes(request: BaseHTTPRequestHandler) -> None:
    """What a hotel's login page looks like to a downloader."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"<html>please log in</html>")


def refusal(request: BaseHTTPRequestHandler) -> None:
    request.send_error(403)


@pytest.fixture(autouse=True)
def small_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a gigabyte is too much for a test: another file is the right one, and nobody is at its address."""
    monkeypatch.setattr(weights, "VGG16_MD5", hashlib.md5(CONTENT, usedforsecurity=False).hexdigest())
    monkeypatch.setattr(weights, "VGG16_URL", f"http://127.0.0.1:9/{VGG16_FILE}")


def test_without_the_file_and_without_a_network_the_message_says_all_that_can_be_done(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights) as caught:
        vgg16_weights(tmp_path / "models")
    message = str(caught.value)
    for part in (VGG16_FILE, str(tmp_path / "models"), "--weights", "--embedder colour"):
        assert part in message
    assert list(tmp_path.rglob("*.*")) == []


def test_the_right_file_is_used_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / VGG16_FILE).write_bytes(CONTENT)
    assert vgg16_weights(tmp_path) == tmp_path / VGG16_FILE


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / VGG16_FILE).write_bytes(CONTENT)
    assert vgg16_weights(Path("~")) == tmp_path / VGG16_FILE


def test_another_file_of_that_name_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / VGG16_FILE).write_bytes(b"my own weights")
    with pytest.raises(MissingWeights, match="is not the file it should be") as caught:
        vgg16_weights(tmp_path)
    assert str(tmp_path / VGG16_FILE) in str(caught.value)
    assert (tmp_path / VGG16_FILE).read_bytes() == b"my own weights"


def test_the_right_download_is_stored_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(whole) as url:
        monkeypatch.setattr(weights, "VGG16_URL", url)
        path = vgg16_weights(tmp_path / "a" / "new folder")
    assert path.read_bytes() == CONTENT
    out, talk = capsys.readouterr()
    assert out == ""
    for part in (VGG16_FILE, "100%", "5.12M/5.12M"):
        assert part in talk, "how far it is has to be seen"
    # The server is gone.
    assert vgg16_weights(tmp_path / "a" / "new folder") == path


@pytest.mark.parametrize("answer", [cut, cut_in_a_chunk, other_bytes, no_http, refusal])
def test_a_download_that_goes_wrong_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    with served(answer) as url:
        monkeypatch.setattr(weights, "VGG16_URL", url)
        with pytest.raises(MissingWeights, match="cannot be downloaded") as caught:
            vgg16_weights(tmp_path)
    assert "--embedder colour" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    (tmp_path / "b").write_bytes(b"weights")
    (tmp_path / "c").write_bytes(b"other weights")
    assert file_hash(tmp_path / "a") == file_hash(tmp_path / "b") != file_hash(tmp_path / "c")
    with pytest.raises(MissingWeights, match="no weights at"):
        file_hash(tmp_path / "d")
