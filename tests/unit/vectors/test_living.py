"""An index that is asked and changed at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

from artstore.vectors import NOBODY
from tests.unit.vectors.conftest import Opener, filled


def test_many_threads_may_ask_at_once_for_different_numbers(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 1000)
    start = threading.Barrier(8)

    def ask(turn: int) -> bool:
        start.wait(10)
        rights = []
        for k in (1, 7, 400, 30, 900, 2):
            found = index.query(vectors[turn * 10 : turn * 10 + 10], k + turn)
            rights.append(found.ids[:, 0].tolist() == list(range(turn * 10, turn * 10 + 10)))
            rights.append(bool((found.ids != NOBODY).all()))
        return all(rights)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))
