"""The ledger: who has been embedded by whom, and into which index."""

import numpy as np
import pytest

from artstore.catalog import Catalog
from artstore.errors import Mismatch, NotReady
from artstore.ledger import PAGE, EmbedderRow, Ledger, embedders, find_embedder
from artstore.models import Findings, StoredFile
from tests.unit.conftest import a_link, a_work, an_image


def fill(catalog: Catalog, pixels: str, path: str = "p.zip") -> None:
    """Make one picture for each letter of *pixels*; equal letters are equal pictures."""
    found = [an_image(f"unpacked/{path}/{place}", f"{place}", letter) for place, letter in enumerate(pixels)]
    with catalog.transaction():
        catalog.record_work(a_work(path, a_link(path)))
        catalog.record_stored(StoredFile(path, 1, pixels))
        catalog.record_findings(path, Findings(found))


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    fill(catalog, "abac")
    return Ledger.register(catalog, "colour", 8, "f1")


def embed(ledger: Ledger, image_ids: list[int]) -> None:
    first = ledger.rows()
    with ledger.catalog.transaction():
        ledger.mark_embedded((picture, first + n) for n, picture in enumerate(ledger.details(image_ids)))


def test_identical_pictures_wait_as_one(ledger: Ledger) -> None:
    assert ledger.waiting() == [1, 2, 4]
    assert [(picture.image_id, picture.pixel_hash) for picture in ledger.details([4, 1, 99])] == [
        (1, "a"),
        (4, "c"),
    ]


def test_embedding_one_embeds_its_twins(ledger: Ledger) -> None:
    embed(ledger, [1, 2])
    assert ledger.waiting() == [4]
    ids, rows = ledger.feature_rows()
    assert (ids.tolist(), rows.tolist()) == ([1, 2, 3], [0, 1, 0])
    assert ids.dtype == rows.dtype == np.int64
    assert ledger.rows() == 2


def test_marking_twice_is_marking_once(ledger: Ledger) -> None:
    for _ in range(2):
        with ledger.catalog.transaction():
            ledger.mark_embedded([(ledger.details([2])[0], 5)])
    assert ledger.feature_rows()[1].tolist() == [5]
    assert ledger.rows() == 6


def test_a_twin_that_comes_later_shares_the_features(ledger: Ledger) -> None:
    embed(ledger, [1, 2, 4])
    fill(ledger.catalog, "xbb", "q.zip")
    assert ledger.share() == 2
    assert ledger.share() == 0
    assert ledger.waiting() == [5]
    assert dict(zip(*(array.tolist() for array in ledger.feature_rows()), strict=True))[6] == 1


def test_embedders_do_not_see_each_others_work(ledger: Ledger) -> None:
    embed(ledger, [1, 2, 4])
    other = Ledger.register(ledger.catalog, "vgg16", 4096, "f2")
    assert other.waiting() == [1, 2, 4]
    assert other.share() == other.rows() == 0
    assert other.feature_rows()[0].shape == (0,)
    assert ledger.waiting() == []


def test_an_empty_catalog_has_nothing_waiting(catalog: Catalog) -> None:
    ledger = Ledger.register(catalog, "colour", 8, "f1")
    assert (ledger.waiting(), ledger.details([]), ledger.rows(), ledger.share()) == ([], [], 0, 0)
    assert ledger.indexed("hnsw").tolist() == []


def test_registering_again_is_the_same_embedder(ledger: Ledger) -> None:
    assert Ledger.register(ledger.catalog, "colour", 8, "f1").embedder == ledger.embedder


@pytest.mark.parametrize(("dim", "fingerprint"), [(9, "f1"), (8, "f2")])
def test_features_made_in_another_way_are_refused_with_the_way_out(
    ledger: Ledger, dim: int, fingerprint: str
) -> None:
    with pytest.raises(Mismatch, match="--forget colour"):
        Ledger.register(ledger.catalog, "colour", dim, fingerprint)


def test_rows_of_some_ids_are_found(ledger: Ledger) -> None:
    embed(ledger, [1, 2, 4])
    ids, rows = ledger.rows_of(np.array([3, 99, 2], np.int64))
    assert dict(zip(ids.tolist(), rows.tolist(), strict=True)) == {3: 0, 2: 1}
    assert [array.shape for array in ledger.rows_of(np.array([], np.int64))] == [(0,), (0,)]


def test_more_ids_than_fit_into_one_statement_are_looked_up_in_pages(ledger: Ledger) -> None:
    embed(ledger, [1, 2, 4])
    many = np.arange(2 * PAGE + 3, dtype=np.int64)[::-1]
    assert sorted(ledger.rows_of(many)[0].tolist()) == [1, 2, 3, 4]
    mark(ledger, "hnsw", many.tolist())
    assert ledger.indexed("hnsw").tolist() == [1, 2, 3, 4]


def mark(ledger: Ledger, index: str, image_ids: list[int]) -> None:
    """Mark *image_ids* with the features that they have, or row 0."""
    rows = dict(zip(*(array.tolist() for array in ledger.feature_rows()), strict=True))
    known = [rows.get(image_id, 0) for image_id in image_ids]
    ledger.mark_indexed(index, np.array(image_ids, np.int64), np.array(known, np.int64))


def test_indexes_are_marked_one_by_one(ledger: Ledger) -> None:
    embed(ledger, [1, 2, 4])
    assert not ledger.any_indexed("hnsw")
    mark(ledger, "hnsw", [1, 3])
    mark(ledger, "hnsw", [3, 4, 77])
    mark(ledger, "exact", [2])
    assert ledger.indexed("hnsw").tolist() == [1, 3, 4]
    assert ledger.indexed("exact").tolist() == [2]
    assert ledger.any_indexed("hnsw")


def test_what_was_indexed_with_other_features_than_it_has_is_not_marked(ledger: Ledger) -> None:
    embed(ledger, [1, 2, 4])
    ids, rows = ledger.feature_rows()
    ledger.mark_indexed("hnsw", ids, np.where(ids == 2, rows + 1, rows))
    assert ledger.indexed("hnsw").tolist() == [1, 3, 4]


def test_pictures_that_are_gone_lose_their_marks(ledger: Ledger) -> None:
    embed(ledger, [1, 2, 4])
    mark(ledger, "hnsw", [1, 2, 3, 4])
    fill(ledger.catalog, "ab")
    assert ledger.indexed("hnsw").tolist() == ledger.feature_rows()[0].tolist() == [1, 2]


@pytest.mark.parametrize("other", ["VGG16", "keras:vgg16", "keras:VGG16", "vgg1_", "xvgg16", "vgg16-classic"])
def test_forgetting_one_embedder_leaves_all_others_alone(ledger: Ledger, other: str) -> None:
    kept = Ledger.register(ledger.catalog, other, 8, "f")
    lost = Ledger.register(ledger.catalog, "vgg16" if other != "vgg1_" else "vgg1_6", 8, "f")
    for each in (kept, lost):
        embed(each, [1, 2, 4])
        each.mark_indexed("hnsw", *each.feature_rows())
    lost.forget()
    assert kept.indexed("hnsw").tolist() == kept.feature_rows()[0].tolist() == [1, 2, 3, 4]
    again = Ledger.register(ledger.catalog, lost.embedder.name, 99, "another")
    assert again.waiting() == [1, 2, 4]
    assert again.indexed("hnsw").tolist() == []


def test_embedders_are_listed_by_how_much_they_have_done(ledger: Ledger) -> None:
    busy = Ledger.register(ledger.catalog, "vgg16", 4096, "f2")
    embed(busy, [1])
    assert [entry.name for entry in embedders(ledger.catalog)] == ["vgg16", "colour"]
    assert find_embedder(ledger.catalog, "vgg16") == EmbedderRow(
        busy.embedder.embedder_id, "vgg16", 4096, "f2"
    )


def test_an_embedder_that_has_done_nothing_is_not_ready(ledger: Ledger) -> None:
    with pytest.raises(NotReady, match=r"there are features of colour.*--embedder vgg16"):
        find_embedder(ledger.catalog, "vgg16")
