"""How a person's state is packed into bytes: one value per person, a header and then rows of fixed width.

Little-endian, every row a whole number of 8-byte words, so that whole batches are packed and unpacked as
arrays and the same rows are the same bytes on every machine. Networks are numbers in the store
(`NetworkCodes`), names outside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from presence.events.errors import InvariantBroken
from presence.model import frames

Rows = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
WORD_BYTES = 8

HEADER = np.dtype(
    [
        ("offset", "<i8"),
        ("kind_observed_ms", "<i8"),
        ("kind_id", "<u8"),
        ("newest_ms", "<i8"),
        ("events", "<i8"),
        ("associates_mean", "<i8"),
        ("associates_number", "<i8"),
        ("associates_observed_ms", "<i8"),
        ("associates_id", "<u8"),
        ("ledger_rows", "<i8"),
        ("counts", "<u4"),
        ("gauges", "<u4"),
        ("flags", "<u4"),
        ("closings", "<u4"),
        ("ledger", "<u4"),
        ("bucket_bits", "<u4"),
        ("kind", "u1"),
        ("erased", "?"),
        ("days", "<u2"),
        ("closed_day", "<i4"),
    ]
)
"""offset: of the person's newest record. counts to ledger: how many rows of each follow, in this order.
ledger_rows: how many there are in all; bucket_bits 0: they follow, else they stand in 2**bits buckets.
closed_day: the last day, since 1970-01-01, whose closing score has been made; days: how many there are up to it, from
the first one that was made (what an erasure takes out of the history topic)."""
COUNTS = np.dtype(
    [
        ("account", "<u8"),
        ("amount", "<i8"),
        ("week", "<i4"),
        ("network", "<u2"),
        ("signal", "u1"),
        ("slot", "u1"),
    ]
)
GAUGES = np.dtype(
    [
        ("account", "<u8"),
        ("value", "<i8"),
        ("observed_ms", "<i8"),
        ("id", "<u8"),
        ("network", "<u2"),
        ("gauge", "u1"),
        ("_", "V5"),
    ]
)
FLAGS = np.dtype(
    [
        ("ref_id", "<u8"),
        ("occurred_ms", "<i8"),
        ("observed_ms", "<i8"),
        ("id", "<u8"),
        ("severity", "u1"),
        ("withdrawn", "?"),
        ("_", "V6"),
    ]
)
CLOSINGS = np.dtype([("day", "<i4"), ("presence", "<i4")])
"""What the score was when a day ended; the day as days since 1970-01-01."""
LEDGER = np.dtype(
    [
        ("id", "<u8"),
        ("account", "<u8"),
        ("amount", "<i4"),
        ("stars", "<i4"),
        ("week", "<i4"),
        ("network", "<u2"),
        ("signal", "u1"),
        ("slot", "u1"),
    ]
)
"""Signal 0 marks an id that was undone; the door keeps amounts below 2**31."""

SECTIONS: Mapping[str, np.dtype[np.void]] = MappingProxyType(
    {"counts": COUNTS, "gauges": GAUGES, "flags": FLAGS, "closings": CLOSINGS, "ledger": LEDGER}
)
PERSON_FIELDS = (
    "kind",
    "kind_observed_ms",
    "kind_id",
    "newest_ms",
    "events",
    "erased",
    "associates_mean",
    "associates_number",
    "associates_observed_ms",
    "associates_id",
)
"""The fields of the header that are columns of the model's people."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Some people's values as arrays: a header each, and the rows of all of them by section, in their order."""

    header: Rows
    rows: dict[str, Rows]

    def owners(self, section: str) -> npt.NDArray[np.intp]:
        """The position of the person whose row it is, for each row of `section`."""
        return np.repeat(np.arange(len(self.header)), self.header[section])

    def only(self, chosen: npt.NDArray[np.bool_]) -> "Packed":
        """Those of the people who are chosen."""
        rows = {name: rows[chosen[self.owners(name)]] for name, rows in self.rows.items()}
        return Packed(self.header[chosen], rows)


def unpack(values: Sequence[bytes]) -> Packed:
    """What `pack` packed. Raises InvariantBroken for a value that is not a header and its rows."""
    sizes = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    if np.any(sizes % WORD_BYTES) or np.any(sizes < HEADER.itemsize):
        raise InvariantBroken("a value of the store is no header and rows")
    words = np.frombuffer(b"".join(values), dtype="<u8")
    ends = np.cumsum(sizes // WORD_BYTES)
    starts = ends - sizes // WORD_BYTES
    header = _gathered(words, starts, HEADER)
    if np.any(_words(header) != sizes // WORD_BYTES):
        raise InvariantBroken("a value of the store has not as many rows as it says")
    return Packed(
        header, {name: _gathered(words, at, SECTIONS[name]) for name, at in _positions(header, starts)}
    )


def pack(packed: Packed) -> list[bytes]:
    """One value of each person."""
    sizes = _words(packed.header)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    words = np.empty(int(ends[-1]) if len(ends) else 0, dtype="<u8")
    _scatter(words, starts, packed.header)
    for name, at in _positions(packed.header, starts):
        _scatter(words, at, packed.rows[name])
    data = words.tobytes()
    bounds = (ends * WORD_BYTES).tolist()
    return [data[start:end] for start, end in zip([0, *bounds], bounds, strict=False)]


def _words(header: Rows) -> Ints:
    """The size of each person's value, in words."""
    size = np.full(len(header), HEADER.itemsize // WORD_BYTES, dtype=np.int64)
    for name, row in SECTIONS.items():
        size += header[name].astype(np.int64) * (row.itemsize // WORD_BYTES)
    return size


def _positions(header: Rows, starts: Ints) -> list[tuple[str, Ints]]:
    """By section the word at which each row begins, for values that begin at `starts`."""
    found = []
    at = starts + HEADER.itemsize // WORD_BYTES
    for name, row in SECTIONS.items():
        width = row.itemsize // WORD_BYTES
        number = header[name].astype(np.int64)
        within = np.arange(int(number.sum())) - np.repeat(np.cumsum(number) - number, number)
        found.append((name, np.repeat(at, number) + width * within))
        at = at + width * number
    return found


def _gathered(words: npt.NDArray[np.uint64], at: Ints, row: np.dtype[np.void]) -> Rows:
    width = row.itemsize // WORD_BYTES
    rows: Rows = words[at[:, None] + np.arange(width)].view(row).reshape(len(at))
    return rows


def _scatter(words: npt.NDArray[np.uint64], at: Ints, rows: Rows) -> None:
    width = rows.dtype.itemsize // WORD_BYTES
    words[at[:, None] + np.arange(width)] = rows.view("<u8").reshape(len(at), width)


class NetworkCodes:
    """Names of networks as small numbers, in the order in which a store first met them; 0 has no name.

    A rank is the position of a name among all of them when sorted: what the fold calls a network.
    """

    def __init__(self, names: Sequence[str] = ("",)) -> None:
        self.names = list(names)

    def meet(self, column: pl.Series) -> npt.NDArray[np.uint32]:
        """The rank of each name; a new name gets the next number."""
        self.names += sorted(set(frames.distinct(column)) - set(self.names))
        return frames.codes(column, pl.Enum(sorted(self.names)))

    def name(self, codes: npt.NDArray[np.uint16]) -> pl.Series:
        """The name of each number. Raises InvariantBroken for a number that was never given."""
        self._check(codes)
        return frames.taken(pl.Series("network", self.names, dtype=pl.String), codes)

    def rank(self, codes: npt.NDArray[np.uint16]) -> pl.Series:
        """The rank of each number. Raises InvariantBroken for a number that was never given."""
        self._check(codes)
        return pl.Series("network", np.argsort(self._sorted()).astype(np.uint32)[codes])

    def code(self, ranks: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint16]:
        """The number of each rank."""
        return self._sorted().astype(np.uint16)[ranks]

    def _sorted(self) -> npt.NDArray[np.intp]:
        """By rank, the number."""
        return np.array(sorted(range(len(self.names)), key=lambda code: self.names[code].encode()))

    def _check(self, codes: npt.NDArray[np.uint16]) -> None:
        if codes.size and int(codes.max()) >= len(self.names):
            raise InvariantBroken("the store names a network that it never met")


def to_rows(frame: pl.DataFrame, row: np.dtype[np.void], networks: NetworkCodes) -> Rows:
    """The rows of `frame`, whose networks are ranks, as an array of `row`; its further columns are left out."""
    rows = np.zeros(frame.height, dtype=row)
    for name in row.names or ():
        if name != "_":
            column = frame.get_column(name).to_numpy()
            rows[name] = networks.code(column) if name == "network" else column
    return rows


def to_frame(
    rows: Rows,
    owners: npt.NDArray[np.intp],
    columns: Mapping[str, Any],
    network: Callable[[npt.NDArray[np.uint16]], pl.Series],
) -> pl.DataFrame:
    """The frame of `rows` with `columns` of these types; a person is the position of the owner."""
    frame: dict[str, Any] = {}
    for name, dtype in columns.items():
        if name == "person":
            frame[name] = owners.astype(np.uint32)
        elif name == "network":
            frame[name] = network(rows[name])
        else:
            frame[name] = pl.Series(name, np.ascontiguousarray(rows[name])).cast(dtype)
    return pl.DataFrame(frame)
