"""Between the model's state and what the store keeps of it: frames on one side, packed rows on the other.

In these frames a person is the position among the people who were loaded, as the fold takes them; only
`named` brings back their names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.batch import tables
from presence.batch.tables import HEADER, PERSON_FIELDS, NetworkCodes, Packed, Rows
from presence.model import frames
from presence.model.fold import Folded
from presence.model.state import COUNTS, FLAGS, GAUGES, LEDGER, PEOPLE, State
from presence.scoring.ledger import Entries

_TABLES = MappingProxyType({"counts": COUNTS, "gauges": GAUGES, "flags": FLAGS})
_LEDGER = MappingProxyType({name: dtype for name, dtype in LEDGER.items() if name != "undone"})
_PEOPLE = {**PEOPLE, "person": pl.UInt32}
Network = Callable[[NDArray[np.uint16]], pl.Series]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store holds of some people, sorted; whoever it does not know has an empty header."""

    people: pl.Series
    keys: Sequence[bytes]
    known: NDArray[np.bool_]
    packed: Packed

    def state(self, network: Network) -> State:
        """Their state without the ledger, the networks as `network` has them.

        Clock and watermarks are the caller's to add.
        """
        header = self.packed.header[self.known]
        people = {name: np.ascontiguousarray(header[name]) for name in PERSON_FIELDS}
        frames = {
            name: tables.to_frame(self.packed.rows[name], self.packed.owners(name), columns, network)
            for name, columns in _TABLES.items()
        }
        return State(
            people=pl.DataFrame(
                {"person": np.flatnonzero(self.known).astype(np.uint32), **people}, schema=_PEOPLE
            ),
            counts=frames["counts"],
            gauges=frames["gauges"],
            flags=frames["flags"],
            ledger=pl.DataFrame(schema={**LEDGER, "person": pl.UInt32}),
        )


def ledger_frame(entries: Entries, chosen: NDArray[np.bool_], network: Network) -> pl.DataFrame:
    """The chosen entries as rows of the model's ledger."""
    frame = tables.to_frame(entries.rows[chosen], entries.owner[chosen], _LEDGER, network)
    return frames.put(frame, pl.Series("undone", frame.get_column("signal").to_numpy() == 0))


@dataclass(frozen=True, slots=True)
class Changed:
    """The same people after a batch: what is to be kept, but for the ledger's place, and the ledger's new rows."""

    packed: Packed
    ledger: Rows
    ledger_owner: NDArray[np.intp]


def changed(
    loaded: Loaded, state: State, last_offsets: NDArray[np.int64], closed_day: int, networks: NetworkCodes
) -> Changed:
    """What the fold made of the people of `loaded`, closed up to `closed_day`; `state` has networks by rank."""
    header = np.zeros(len(loaded.people), dtype=HEADER)
    header["offset"], header["closed_day"] = last_offsets, closed_day
    for name in PERSON_FIELDS:
        header[name] = state.people.get_column(name).to_numpy()
    for name in ("ledger_rows", "bucket_bits"):
        header[name] = loaded.packed.header[name]
    rows = {}
    for name in _TABLES:
        frame: pl.DataFrame = getattr(state, name)
        header[name] = np.bincount(frame.get_column("person").to_numpy(), minlength=len(header))
        rows[name] = tables.to_rows(frame, tables.SECTIONS[name], networks)
    header["days"] = np.where(header["erased"], 0, loaded.packed.header["days"])
    kept = ~header["erased"][loaded.packed.owners("closings")]
    rows["closings"] = loaded.packed.rows["closings"][kept]
    header["closings"] = np.where(header["erased"], 0, loaded.packed.header["closings"])
    ledger = tables.to_rows(state.ledger, tables.LEDGER, networks)
    ledger["signal"][state.ledger.get_column("undone").to_numpy()] = 0
    return Changed(Packed(header, rows), ledger, state.ledger.get_column("person").to_numpy().astype(np.intp))


def standing(entries: Entries, folded: Folded, networks: NetworkCodes) -> NDArray[np.bool_]:
    """Which entries unlinking and erasing leave, of those that the fold was not shown."""
    left = ~np.isin(entries.owner, folded.erased.to_numpy())
    for person, network, account in folded.unlinked.rows():
        code = networks.code(np.array([network], dtype=np.uint32))[0]
        rows = entries.rows
        of_account = (rows["network"] == code) & (rows["account"] == account) & (rows["signal"] != 0)
        left &= (entries.owner != person) | ~of_account
    return left


def named(state: State, people: pl.Series) -> State:
    """`state` with the names of its people."""
    return state.mapped(lambda _table, rows: rows.with_columns(people.gather(rows.get_column("person"))))
