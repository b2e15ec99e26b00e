"""How frames of the state are packed into bytes: one value per person, fixed-width rows.

A row is little-endian and without padding, so the same rows are the same bytes on every machine.
Networks are numbers in the store (`NetworkCodes`), names outside.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import polars as pl

from presence.events.errors import InvariantBroken
from presence.model import state

Rows = npt.NDArray[np.void]

COUNTS = np.dtype(
    [
        ("network", "<u2"),
        ("account", "<u8"),
        ("signal", "u1"),
        ("slot", "u1"),
        ("week", "<i4"),
        ("amount", "<i8"),
    ]
)
GAUGES = np.dtype(
    [
        ("network", "<u2"),
        ("account", "<u8"),
        ("gauge", "u1"),
        ("value", "<i8"),
        ("observed_ms", "<i8"),
        ("id", "<u8"),
    ]
)
FLAGS = np.dtype(
    [
        ("ref_id", "<u8"),
        ("severity", "u1"),
        ("occurred_ms", "<i8"),
        ("withdrawn", "?"),
        ("observed_ms", "<i8"),
        ("id", "<u8"),
    ]
)
PEOPLE = np.dtype(
    [
        ("kind", "u1"),
        ("kind_observed_ms", "<i8"),
        ("kind_id", "<u8"),
        ("newest_ms", "<i8"),
        ("events", "<i8"),
        ("erased", "?"),
        ("associates_mean", "<i8"),
        ("associates_number", "<i8"),
        ("associates_observed_ms", "<i8"),
        ("associates_id", "<u8"),
    ]
)
LEDGER = np.dtype(
    [
        ("network", "<u2"),
        ("account", "<u8"),
        ("signal", "u1"),
        ("slot", "u1"),
        ("week", "<i4"),
        ("amount", "<i8"),
        ("stars", "<i8"),
        ("undone", "?"),
    ]
)

ROWS = MappingProxyType({"people": PEOPLE, "counts": COUNTS, "gauges": GAUGES, "flags": FLAGS})
"""The tables that have one value per person."""
COLUMNS = MappingProxyType(
    {
        "people": list(state.PEOPLE),
        "counts": list(state.COUNTS),
        "gauges": list(state.GAUGES),
        "flags": list(state.FLAGS),
        "ledger": list(state.LEDGER),
    }
)
"""The columns of each table of the model's state, in their order."""


class NetworkCodes:
    """Names of networks as small numbers, in the order in which a store first met them."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = list(names)

    def encode(self, column: pl.Series) -> npt.NDArray[np.uint16]:
        """The number of each name; a new name gets the next number."""
        for name in column.unique(maintain_order=True):
            if name not in self.names:
                self.names.append(name)
        codes = {name: code for code, name in enumerate(self.names)}
        return column.replace_strict(codes, return_dtype=pl.UInt16).to_numpy()

    def decode(self, codes: npt.NDArray[np.uint16]) -> pl.Series:
        """The name of each number. Raises InvariantBroken for a number that was never given."""
        if codes.size and int(codes.max()) >= len(self.names):
            raise InvariantBroken("the store names a network that it never met")
        return pl.Series("network", self.names, dtype=pl.String).gather(codes)


def pack(frame: pl.DataFrame, row: np.dtype[np.void], networks: NetworkCodes) -> Rows:
    """The rows of `frame` as one packed array; its further columns (person, id) are left out."""
    packed = np.empty(frame.height, dtype=row)
    for name in row.names or ():
        column = frame.get_column(name)
        packed[name] = networks.encode(column) if name == "network" else column.to_numpy()
    return packed


def unpack(packed: Rows, networks: NetworkCodes) -> pl.DataFrame:
    """The frame of packed rows, without the columns (person, id) that stand in their keys."""
    return pl.DataFrame(
        {
            name: networks.decode(packed[name]) if name == "network" else np.ascontiguousarray(packed[name])
            for name in packed.dtype.names or ()
        }
    )


def from_values(values: Sequence[bytes], row: np.dtype[np.void]) -> tuple[Rows, npt.NDArray[np.int64]]:
    """All rows of some values, and how many each value had.

    Raises InvariantBroken if a value is not a whole number of rows.
    """
    lengths = np.fromiter((len(value) for value in values), dtype=np.int64, count=len(values))
    if np.any(lengths % row.itemsize):
        raise InvariantBroken("a value of the store is not a whole number of rows")
    return np.frombuffer(b"".join(values), dtype=row), lengths // row.itemsize


def by_person(people: pl.Series, packed: Rows) -> Iterator[tuple[str, bytes]]:
    """Each person's rows as one value; the rows of a person must stand together."""
    runs = people.rle().struct.unnest()
    start = 0
    for length, person in runs.iter_rows():
        yield person, packed[start : start + length].tobytes()
        start += length
