"""An index that is asked and changed at the same time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from artstore.vectors import NOBODY, hnsw, open_index
from artstore.vectors.sharing import Sharing
from tests.unit.conftest import unit_vectors
from tests.unit.vectors.conftest import Opener, directions, filled


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


def test_one_question_for_very_many_makes_no_later_one_slow(tmp_path: Path) -> None:
    index = open_index("hnsw:", tmp_path / "it", 8, "colour")
    index.add(np.arange(3000), unit_vectors(3000, 8))
    found = index.query(unit_vectors(1, 8, seed=1), 2500)
    assert (found.ids != NOBODY).all()
    # hnswlib keeps one for all who ask, and time grows with it.
    assert index._graph.ef <= hnsw.MOST_BREADTH  # type: ignore[attr-defined]  # noqa: SLF001


def test_what_stays_is_found_while_others_come_change_and_go(opener: Opener) -> None:
    index = opener()
    vectors = directions(700)
    stay, come = np.arange(200, dtype=np.int64), np.arange(200, 700, dtype=np.int64)
    index.add(stay, vectors[:200])
    over = threading.Event()

    def ask(turn: int) -> int:
        generator, rounds = np.random.default_rng(turn), 0
        while not over.is_set():
            asked = generator.choice(stay, 5, replace=False)
            allowed = np.sort(generator.choice(700, 350, replace=False)) if rounds % 2 else None
            allowed = None if allowed is None else np.union1d(allowed, asked)
            found = index.query(vectors[asked], 10, allowed)
            assert found.ids[:, 0].tolist() == asked.tolist()
            assert (found.distances[:, 1:] >= found.distances[:, :-1]).all()
            rounds += 1
        return rounds

    def change() -> None:
        for seed in range(2):
            for part in np.array_split(come, 5):
                index.add(part, directions(700, seed)[part])
            index.save()
            index.remove(come[::2].tolist())
            index.add(stay, vectors[:200])
        over.set()

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask, turn) for turn in range(3)]
        try:
            threads.submit(change).result()
        finally:
            over.set()
        assert all(each.result() > 0 for each in asking)
    assert index.ids().tolist() == [*range(200), *come[1::2]]


def test_those_who_ask_do_not_keep_a_change_waiting_for_ever() -> None:
    sharing, over = Sharing(), threading.Event()

    def ask() -> None:
        while not over.is_set():
            with sharing.asking():
                time.sleep(0.001)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(ask)
        try:
            for _ in range(5):
                with sharing.changing():
                    pass
        finally:
            over.set()


def test_whoever_changes_is_alone() -> None:
    sharing = Sharing()
    inside: list[int] = []
    most: list[tuple[bool, int]] = []

    def act(number: int) -> None:
        with sharing.changing() if number % 4 == 0 else sharing.asking():
            inside.append(number)
            time.sleep(0.001)
            most.append((number % 4 == 0, len(inside)))
            inside.remove(number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(act, range(200)))
    assert {count for alone, count in most if alone} == {1}
    assert max(count for _, count in most) > 1
