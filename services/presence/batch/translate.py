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
from presence.model.evaluate import Scores
from presence.model.spec import PILLARS, Model
from presence.v1 import score_pb2

_BASE64_URL = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype="u1")
REVISION_CHARS = 18
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
        self._model = pl.struct(name=pl.lit(model.name), hash=pl.lit(model.hash)).alias("model")
        self._partition = partition

    def messages(
        self, scores: Scores, names: pl.Series, offsets: NDArray[np.int64], since: Sequence[pl.Series]
    ) -> list[bytes]:
        """The serialised `Score` of each person of `scores`, in their order.

        There a person is a position in `names`, and in `offsets`, which are those of the revisions. `since` are
        the changes of each, of CHANGES.
        """
        schema: pa.Schema = _handler().schema()
        people = scores.people
        position = people.get_column("person")
        flat = people.select(
            names.gather(position).alias("person"),
            self._model,
            pl.col("as_of_ms").cast(pl.Datetime("ms", "UTC")).dt.cast_time_unit("ns").alias("as_of_time"),
            pl.struct(PILLARS).alias("pillars"),
            pl.col("stale").alias("stale_networks"),
            *(pl.col(column).alias(field) for field, column in _NUMBERS.items()),
            *(change.alias(field) for field, change in zip(CHANGES, since, strict=True)),
        )
        accounts = scores.accounts.select("person", "network", "account", pl.struct(PILLARS).alias("shares"))
        columns = {column: flat.get_column(column).to_arrow() for column in flat.columns} | {
            "revision": _revisions(self._partition, offsets[position.to_numpy()]),
            "accounts": _grouped(accounts, position, schema.field("accounts").type),
            "waterfall": _grouped(scores.waterfall, position, schema.field("waterfall").type),
        }
        batch = pa.RecordBatch.from_arrays(
            [columns[field.name].cast(field.type) for field in schema], schema=schema
        )
        values: list[bytes] = _handler().record_batch_to_array(batch).to_pylist()
        return values


@cache
def _handler() -> Any:
    return HandlerPool([score_pb2.DESCRIPTOR]).get_for_message(score_pb2.Score.DESCRIPTOR)


def _grouped(rows: pl.DataFrame, people: pl.Series, kind: pa.DataType) -> pa.Array:
    """The list of each person's rows; both are sorted by person."""
    number = np.bincount(
        rows.get_column("person").to_numpy(), minlength=int(people.to_numpy().max(initial=0)) + 1
    )
    offsets = np.concatenate([[0], np.cumsum(number[people.to_numpy()])]).astype(np.int32)
    items = rows.drop("person").to_struct("item").to_arrow().cast(kind.value_type)
    return pa.ListArray.from_arrays(offsets, items, type=kind)


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
