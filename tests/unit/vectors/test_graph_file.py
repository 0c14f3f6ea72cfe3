"""A file that hnswlib wrote: read by us, it is what hnswlib reads."""

from pathlib import Path
from typing import Any

import hnswlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.vectors.graph_file import HEADER, GraphFile

DIM = 4


def graph_of(count: int, links: int, seed: int) -> Any:
    generator = np.random.default_rng(seed)
    graph = hnswlib.Index(space="cosine", dim=DIM)
    graph.init_index(max_elements=count + 7, M=links, ef_construction=20, random_seed=seed % 1000)
    labels = generator.permutation(10 * count)[:count]
    if count:
        graph.add_items(vectors(count, seed), labels, num_threads=1)
        for label in labels[: count // 4].tolist():
            graph.mark_deleted(label)
    return graph


def vectors(count: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal((count, DIM), np.float32)


def asked(graph: Any, count: int) -> list[Any]:
    graph.set_ef(50)
    return [part.tolist() for part in graph.knn_query(vectors(10, 99), k=count)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.integers(2, 16), st.integers(0, 2**32 - 1))
def test_a_graph_answers_as_if_hnswlib_had_loaded_it(
    tmp_path_factory: pytest.TempPathFactory, count: int, links: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("graph") / "it"
    written = graph_of(count, links, seed)
    written.save_index(str(path))
    theirs = hnswlib.Index(space="cosine", dim=DIM)
    theirs.load_index(str(path))
    file = GraphFile(path, DIM)
    ours = hnswlib.Index(file.state())
    assert len(file) == count == ours.get_current_count() == ours.get_max_elements()
    assert sorted(ours.get_ids_list()) == file.ids.tolist()
    there = count - count // 4
    assert asked(ours, min(5, there)) == asked(theirs, min(5, there))
    # Both go on alike: what is new finds its place among the same links, on all levels.
    for graph in (ours, theirs):
        graph.resize_index(count + 30)
        graph.add_items(vectors(30, seed + 1), np.arange(30) + 10 * count, num_threads=1)
    assert asked(ours, 5) == asked(theirs, 5)
    again = path.with_name("again")
    theirs.save_index(str(again))
    ours.save_index(str(path))
    assert path.read_bytes()[HEADER.size :] == again.read_bytes()[HEADER.size :]


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it"
    graph_of(50, 8, 1).save_index(str(path))
    content = path.read_bytes()
    with pytest.raises(ValueError, match="vectors of 8 numbers"):
        GraphFile(path, 8)
    path.write_bytes(content[: HEADER.size - 1])
    with pytest.raises(ValueError, match="no whole header"):
        GraphFile(path, DIM)
    path.write_bytes(content[:-4])
    with pytest.raises(ValueError, match="no links for 50"):
        GraphFile(path, DIM).state()
