"""Many vectors are a sequence of lists over one buffer."""

from __future__ import annotations

import copy
import pickle
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pepperpy.providers import Embeddings, Usage

ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]


@pytest.fixture
def embeddings() -> Embeddings:
    return Embeddings(array("f", range(1, 10)), 3, usage=Usage(input_tokens=7), model="m")


def test_is_a_sequence_of_lists(embeddings: Embeddings) -> None:
    """It has a length, an order, items, slices, and everything else that a sequence has."""
    assert isinstance(embeddings, Sequence)
    assert len(embeddings) == 3
    assert list(embeddings) == ROWS
    assert [embeddings[0], embeddings[1], embeddings[2]] == ROWS
    assert list(reversed(embeddings)) == ROWS[::-1]
    assert ROWS[1] in embeddings
    assert [0.0] not in embeddings
    assert embeddings.index(ROWS[2]) == 2
    assert embeddings.count(ROWS[0]) == 1
    assert type(embeddings[0]) is list
    assert type(embeddings[0][0]) is float


@pytest.mark.parametrize(
    "part", [slice(1), slice(1, None), slice(None, None, -1), slice(-2, None), slice(5, 9), slice(0, 3, 2)]
)
def test_slices(embeddings: Embeddings, part: slice) -> None:
    """A slice is a list of vectors."""
    assert embeddings[part] == ROWS[part]


def test_indices_from_the_end(embeddings: Embeddings) -> None:
    """Negative indices count from the end; one that is out of range is an IndexError."""
    assert embeddings[-1] == ROWS[-1]
    assert embeddings[-3] == ROWS[0]
    for index in (3, -4):
        with pytest.raises(IndexError):
            embeddings[index]
    with pytest.raises(TypeError):
        embeddings["0"]  # type: ignore[call-overload]


def test_numpy_wraps_without_copying(embeddings: Embeddings) -> None:
    """NumPy sees a matrix of float32 over the very same memory."""
    matrix = np.asarray(embeddings)
    embeddings._vectors[0] = 42.0

    assert matrix.shape == (3, 3)
    assert matrix.dtype == np.float32
    assert matrix[0, 0] == 42.0
    assert np.asarray(embeddings.buffer).shape == (3, 3)
    assert np.shares_memory(np.asarray(embeddings), np.asarray(embeddings.buffer))


def test_the_buffer_is_read_only(embeddings: Embeddings) -> None:
    """The view has the shape of a matrix and cannot be written to."""
    buffer = embeddings.buffer

    assert (buffer.shape, buffer.format, buffer.readonly) == ((3, 3), "f", True)
    assert buffer.tolist() == ROWS


def test_equality(embeddings: Embeddings) -> None:
    """Equal are those with the same numbers in the same shape; usage and model don't count."""
    same = Embeddings(array("f", range(1, 10)), 3)

    assert embeddings == same
    assert embeddings != Embeddings(array("f", range(9)), 3)
    assert embeddings != Embeddings(array("f", range(1, 10)), 9)
    assert embeddings != ROWS
    with pytest.raises(TypeError):
        hash(embeddings)


def test_none_at_all() -> None:
    """No texts give no vectors, and everything still works."""
    none = Embeddings(array("f"), 0)

    assert len(none) == 0
    assert list(none) == []
    assert none[:] == []
    assert none.usage == Usage()
    assert np.asarray(none).shape == (0, 0)
    assert none.buffer.nbytes == 0
    with pytest.raises(IndexError):
        none[0]


@pytest.mark.parametrize(
    ("vectors", "dimensions"),
    [(array("d", [1.0]), 1), (array("f", [1.0, 2.0, 3.0]), 2), (array("f", [1.0]), -1), (array("f", [1.0]), 0)],
)
def test_half_a_vector_is_refused(vectors: array[float], dimensions: int) -> None:
    """What is no matrix of float32 is refused."""
    with pytest.raises(ValueError, match="vectors"):
        Embeddings(vectors, dimensions)


@pytest.mark.parametrize(
    ("tables", "rows"),
    [
        ([], []),
        ([[]], []),
        ([ROWS], ROWS),
        ([ROWS[:1], [array("f", ROWS[1])], ROWS[2:]], ROWS),
        ([Embeddings(array("f"), 0), ROWS], ROWS),
        ([Embeddings(array("f", range(1, 4)), 3), ROWS[1:]], ROWS),
        ([ROWS[:1], Embeddings(array("f", range(4, 10)), 3)], ROWS),
    ],
)
def test_tables_are_joined(tables: list[Sequence[Sequence[float]]], rows: list[list[float]]) -> None:
    """The vectors of all tables follow each other, and none of the tables is changed."""
    before = [[list(row) for row in table] for table in tables]

    joined = Embeddings.joined(tables, usage=Usage(input_tokens=2), model="m")

    assert list(joined) == rows
    assert (joined.usage, joined.model) == (Usage(input_tokens=2), "m")
    assert [[list(row) for row in table] for table in tables] == before


def test_one_table_is_not_copied(embeddings: Embeddings) -> None:
    """The one answer of a call is the result of the call."""
    assert np.shares_memory(np.asarray(Embeddings.joined([embeddings])), np.asarray(embeddings))


@pytest.mark.parametrize(
    "tables",
    [
        [[[1.0], [1.0, 2.0]]],
        [[[1.0]], Embeddings(array("f", [1.0, 2.0]), 2)],
        [Embeddings(array("f", [1.0, 2.0]), 2), [[1.0]]],
    ],
)
def test_several_lengths_are_not_joined(tables: list[Sequence[Sequence[float]]]) -> None:
    """What is no matrix is refused."""
    with pytest.raises(ValueError, match="several lengths"):
        Embeddings.joined(tables)


@pytest.mark.parametrize("vector", [[1.0, -1e39], [10**400], ["a"], [None], [float("nan")]])
def test_what_no_float32_holds_is_not_joined(vector: Any) -> None:
    """A number that would become infinite is refused, and what is none."""
    with pytest.raises(ValueError, match="float32"):
        Embeddings.joined([[vector]])


def test_copies(embeddings: Embeddings) -> None:
    """Pickle and copy keep the numbers and the facts."""
    for again in (pickle.loads(pickle.dumps(embeddings)), copy.copy(embeddings), copy.deepcopy(embeddings)):
        assert again == embeddings
        assert (again.usage, again.model, again.dimensions) == (Usage(input_tokens=7), "m", 3)


def test_is_shown_shortly(embeddings: Embeddings) -> None:
    """Nobody wants to see the numbers."""
    assert repr(embeddings) == "<3 embeddings of 3 dimensions, model='m'>"
