"""From the model's score frames to the messages of the scores topic, all of a publication at once.

The messages are put together as columns and written by `ptars`; the bytes are those that protobuf's own
deterministic serialisation gives, at a tenth of its cost. Nothing from outside is ever read this way.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from ptars import HandlerPool

from presence.log.revision import VERSION
from presence.model import frames
from presence.model.evaluate import Scores
from presence.model.spec import Model
from presence.v1 import score_pb2

_BASE64_URL = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype="u1")
REVISION_CHARS = 18
MS_NS = 1_000_000
ACCOUNTS_MAX = 1_000
REASONS_MAX = 5_000
"""In one score: some 60 bytes each, so that it stays well below the megabyte that a broker takes in a record."""
_NUMBERS: Mapping[str, str] = {
    "kind": "kind",
    "presence_millipoints": "presence",
    "visibility_millipoints": "visibility",
    "reviews_millipoints": "reviews",
    "associates_millipoints": "associates",
    "conduct_factor_micro": "factor",
    "evidence_millievents": "evidence",
    "confidence_micro": "confidence",
    "generosity_micro": "generosity",
    "events": "events",
}
"""Field of the message -> column of the people."""
CHANGES = ("day_change_millipoints", "week_change_millipoints", "month_change_millipoints")
"""The fields of what changed since the closings of CHANGES_DAYS."""


class Translator:
    """Writes the scores of one partition, by one model."""

    def __init__(self, model: Model, partition: int) -> None:
        self._model = {"name": model.name, "hash": model.hash}
        self._partition = partition

    def messages(
        self, scores: Scores, names: pl.Series, offsets: NDArray[np.int64], since: Sequence[pl.Series]
    ) -> list[bytes]:
        """The serialised `Score` of each person of `scores`, in their order.

        There a person is a position in `names`, and in `offsets`, which are those of the revisions. `since` are
        the changes of each, of CHANGES.
        """
        schema = _schema()
        people = {name: scores.people.get_column(name) for name in scores.people.columns}
        position = people["person"].to_numpy()
        columns = {field: people[column].to_arrow() for field, column in _NUMBERS.items()}
        accounts, accounts_left_out = _first(scores.accounts, position, ACCOUNTS_MAX)
        reasons, reasons_left_out = _first(scores.waterfall, position, REASONS_MAX)
        columns |= {field: change.to_arrow() for field, change in zip(CHANGES, since, strict=True)} | {
            "person": frames.taken(names, position).to_arrow(),
            "model": pa.repeat(pa.scalar(self._model, schema.field("model").type), len(position)),
            "as_of_time": pa.array(people["as_of_ms"].to_numpy() * MS_NS),
            "pillars": _struct(people, schema.field("pillars").type),
            "stale_networks": people["stale"].to_arrow(),
            "revision": _revisions(self._partition, offsets[position]),
            "accounts": _grouped(accounts, position, schema.field("accounts").type),
            "waterfall": _grouped(reasons, position, schema.field("waterfall").type),
            "accounts_left_out": accounts_left_out,
            "reasons_left_out": reasons_left_out,
        }
        batch = pa.RecordBatch.from_arrays(
            [columns[field.name].cast(field.type) for field in schema], schema=schema
        )
        values: list[bytes] = _handler().record_batch_to_array(batch).to_pylist()
        return values


@cache
def _handler() -> Any:
    return HandlerPool([score_pb2.DESCRIPTOR]).get_for_message(score_pb2.Score.DESCRIPTOR)


@cache
def _schema() -> pa.Schema:
    return _handler().schema()


def _first(rows: pl.DataFrame, people: NDArray[np.uint32], rows_max: int) -> tuple[pl.DataFrame, pa.Array]:
    """The first rows of each person, and of each of `people` how many are left out; all are sorted by person."""
    owner = rows.get_column("person").to_numpy()
    number = np.bincount(owner, minlength=int(people.max(initial=0)) + 1)
    left_out = pa.array(np.maximum(number[people] - rows_max, 0))
    if number.max(initial=0) > rows_max:
        begins = np.cumsum(number) - number
        rows = frames.kept(rows, np.arange(len(owner)) - begins[owner] < rows_max)
    return rows, left_out


def _grouped(rows: pl.DataFrame, people: NDArray[np.uint32], kind: pa.DataType) -> pa.Array:
    """The list of each person's rows; both are sorted by person."""
    number = np.bincount(rows.get_column("person").to_numpy(), minlength=int(people.max(initial=0)) + 1)
    offsets = np.concatenate([[0], np.cumsum(number[people])]).astype(np.int32)
    columns = {name: rows.get_column(name) for name in rows.columns}
    return pa.ListArray.from_arrays(offsets, _struct(columns, kind.value_type), type=kind)


def _struct(columns: Mapping[str, pl.Series], kind: pa.StructType) -> pa.StructArray:
    """One of `kind` of each row, of the columns of its fields' names; shares are a struct of further ones."""
    parts = [
        _struct(columns, field.type)
        if field.name == "shares"
        else columns[field.name].to_arrow().cast(field.type)
        for field in kind
    ]
    return pa.StructArray.from_arrays(parts, fields=list(kind))


def _revisions(partition: int, offsets: NDArray[np.int64]) -> pa.Array:
    """What `presence.log.revision.encode` makes of each offset."""
    size = len(offsets)
    packed = np.zeros((size, 15), dtype="u1")
    packed[:, 0] = VERSION
    packed[:, 1:5] = np.full(size, partition, dtype=">u4").view("u1").reshape(size, 4)
    packed[:, 5:13] = offsets.astype(">u8").view("u1").reshape(size, 8)
    bits = np.unpackbits(packed, axis=1).reshape(size, 20, 6)
    chars = _BASE64_URL[np.packbits(bits, axis=2).reshape(size, 20) >> 2]
    return pa.array(np.ascontiguousarray(chars[:, :REVISION_CHARS]).view(f"S{REVISION_CHARS}").ravel()).cast(
        pa.string()
    )
