"""The state of each person as bytes that are equal where the states are, wherever they come from; and where two differ."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from presence.batch import tables
from presence.batch.tables import HEADER, PERSON_FIELDS, SECTIONS, NetworkCodes, Packed
from presence.model.coding import Coding
from presence.model.state import KEYS, State

_TABLES = ("counts", "gauges", "flags", "ledger")


class Networks:
    """Numbers of networks for such bytes: in their order, then those that are met besides."""

    def __init__(self, names: list[str]) -> None:
        self.names = sorted({"", *names})

    def encode(self, column: pl.Series) -> pl.Series:
        """The number of each name."""
        self.names += sorted(set(column.unique()) - set(self.names))
        return Coding(pl.Series(self.names)).encode(column)


def canonical(state: State, size: int, networks: Networks) -> list[bytes]:
    """The bytes of each of `size` people, by position; `state` has the names of networks and all of the ledger."""
    header = np.zeros(size, dtype=HEADER)
    at = state.people.get_column("person").to_numpy()
    for name in PERSON_FIELDS:
        header[name][at] = state.people.get_column(name).to_numpy()
    rows = {"closings": np.zeros(0, dtype=SECTIONS["closings"])}
    for name in _TABLES:
        frame: pl.DataFrame = getattr(state, name).sort(KEYS[name])
        header[name] = np.bincount(frame.get_column("person").to_numpy(), minlength=size)
        if "network" in frame.columns:
            frame = frame.with_columns(networks.encode(frame.get_column("network")))
        rows[name] = tables.to_rows(frame, SECTIONS[name], _Same())
        if name == "ledger":
            rows[name]["signal"][frame.get_column("undone").to_numpy()] = 0
    return tables.pack(Packed(header, rows))


class _Same(NetworkCodes):
    """Numbers that are numbers already."""

    def code(self, ranks: Any) -> Any:
        return ranks.astype(np.uint16)


class Differs(NamedTuple):
    """Where two states differ first: `field`, such as `counts[3].amount`, and its two values; None where there is no row."""

    field: str
    one: Any
    other: Any


def difference(one: bytes, other: bytes, networks: Networks) -> Differs | None:
    """Where two states differ first; None if they do not. Raises InvariantBroken for bytes that are no state."""
    if one == other:
        return None
    both = [tables.unpack([value]) for value in (one, other)]
    for name in PERSON_FIELDS:
        values = [packed.header[name][0].item() for packed in both]
        if values[0] != values[1]:
            return Differs(name, *values)
    for name in _TABLES:
        rows = [[_told(row, networks) for row in packed.rows[name]] for packed in both]
        for number in range(max(map(len, rows))):
            told = [each[number] if number < len(each) else None for each in rows]
            if told[0] == told[1]:
                continue
            if told[0] is None or told[1] is None:
                return Differs(f"{name}[{number}]", *told)
            field = next(key for key in told[0] if told[0][key] != told[1][key])
            return Differs(f"{name}[{number}].{field}", told[0][field], told[1][field])
    return Differs("bytes", one.hex(), other.hex())


def _told(row: Any, networks: Networks) -> dict[str, Any]:
    told = {name: row[name].item() for name in row.dtype.names if name != "_"}
    if "network" in told:
        told["network"] = networks.names[told["network"]]
    return told
