"""Between the model's state and what the store keeps of it: frames on one side, packed rows on the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.model.coding import Coding
from presence.model.fold import Folded
from presence.model.state import COUNTS, FLAGS, GAUGES, LEDGER, PEOPLE, State
from presence.scoring import tables
from presence.scoring.ledger import Entries
from presence.scoring.tables import HEADER, PERSON_FIELDS, NetworkCodes, Packed, Rows

_TABLES = MappingProxyType({"counts": tuple(COUNTS), "gauges": tuple(GAUGES), "flags": tuple(FLAGS)})
_LEDGER = tuple(name for name in LEDGER if name != "undone")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store holds of some people, sorted; whoever it does not know has an empty header."""

    people: pl.Series
    keys: Sequence[bytes]
    known: NDArray[np.bool_]
    packed: Packed

    def state(self, networks: NetworkCodes) -> State:
        """Their state without the ledger; clock and watermarks are the caller's to add."""
        header = self.packed.header[self.known]
        people = {name: np.ascontiguousarray(header[name]) for name in PERSON_FIELDS}
        return State(
            people=pl.DataFrame({"person": self.people.filter(pl.Series(self.known)), **people})
            .select(list(PEOPLE))
            .cast(dict(PEOPLE)),
            ledger=pl.DataFrame(schema=dict(LEDGER)),
            **{
                name: tables.to_frame(
                    self.packed.rows[name], self.people.gather(self.packed.owners(name)), columns, networks
                )
                for name, columns in _TABLES.items()
            },
        )

    def ledger(self, entries: Entries, chosen: NDArray[np.bool_], networks: NetworkCodes) -> pl.DataFrame:
        """The chosen entries as rows of the model's ledger."""
        whose = self.people.gather(entries.owner[chosen])
        frame = tables.to_frame(entries.rows[chosen], whose, _LEDGER, networks)
        return frame.with_columns(undone=pl.col("signal") == 0).cast(dict(LEDGER))


@dataclass(frozen=True, slots=True)
class Changed:
    """The same people after a batch: what is to be kept, but for the ledger's place, and the ledger's new rows."""

    packed: Packed
    ledger: Rows
    ledger_owner: NDArray[np.intp]


def changed(loaded: Loaded, folded: Folded, last_offsets: NDArray[np.int64], networks: NetworkCodes) -> Changed:
    """What `folded` made of the people of `loaded`, and of nobody else."""
    coding, state = Coding(loaded.people), folded.state
    header = np.zeros(len(loaded.people), dtype=HEADER)
    header["offset"] = last_offsets
    for name in PERSON_FIELDS:
        header[name] = state.people.get_column(name).to_numpy()
    for name in ("ledger_rows", "bucket_bits"):
        header[name] = loaded.packed.header[name]
    rows = {}
    for name in _TABLES:
        frame: pl.DataFrame = getattr(state, name)
        header[name] = np.bincount(_positions(coding, frame), minlength=len(header))
        rows[name] = tables.to_rows(frame, tables.SECTIONS[name], networks)
    kept = ~header["erased"][loaded.packed.owners("closings")]
    rows["closings"] = loaded.packed.rows["closings"][kept]
    header["closings"] = np.where(header["erased"], 0, loaded.packed.header["closings"])
    ledger = state.ledger.with_columns(
        signal=pl.when("undone").then(pl.lit(0, pl.UInt8)).otherwise("signal")
    )
    return Changed(
        Packed(header, rows), tables.to_rows(ledger, tables.LEDGER, networks), _positions(coding, ledger)
    )


def standing(loaded: Loaded, entries: Entries, folded: Folded, networks: NetworkCodes) -> NDArray[np.bool_]:
    """Which entries unlinking and erasing leave, of those that the fold was not shown."""
    left = np.ones(len(entries.rows), dtype=np.bool_)
    position = {person: at for at, person in enumerate(loaded.people)} if folded.erased or folded.unlinked else {}
    for person in folded.erased:
        left &= entries.owner != position[person]
    for person, network, account in folded.unlinked:
        if network in networks.names:
            rows, code = entries.rows, networks.names.index(network)
            of_account = (rows["network"] == code) & (rows["account"] == account) & (rows["signal"] != 0)
            left &= (entries.owner != position[person]) | ~of_account
    return left


def _positions(coding: Coding, frame: pl.DataFrame) -> NDArray[np.intp]:
    return coding.encode(frame.get_column("person")).to_numpy().astype(np.intp)
