"""The LMDB file of a read model: its tables, opened, and written anew."""

from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import lmdb

SIDES = ("history", "roster", "reasons")
"""What is kept of other topics than that of scores, each with positions of its own."""
NAMES = ("people", "changes", "erased", "order", "ranks", *SIDES, "meta")
MAP_BYTES = 2**40
"""Of addresses, and not of disk or memory: a terabyte is far beyond a gateway of 100 million people."""
READERS_MAX = 510
COPIED_ROWS = 50_000
"""Of one transaction."""


class Opened(NamedTuple):
    """The file in `folder`, and its tables by name."""

    folder: Path
    env: lmdb.Environment
    tables: dict[str, Any]


def opened(folder: Path, *, readonly: bool) -> Opened:
    """Open the file in `folder`; who writes makes it if it is not there. Raises lmdb.Error."""
    # Without metasync a power failure can lose the last transactions, which the topic brings back; never more.
    env = lmdb.open(
        str(folder),
        map_size=MAP_BYTES,
        max_dbs=len(NAMES),
        max_readers=READERS_MAX,
        metasync=False,
        readonly=readonly,
        create=not readonly,
    )
    return Opened(folder, env, {name: env.open_db(name.encode(), create=not readonly) for name in NAMES})


def copy(source: Opened, folder: Path) -> None:
    """Write every row anew, into a file in `folder`.

    LMDB's own copy is of pages, in which a key that was deleted may stand between others as their bound.
    """
    target = opened(folder, readonly=False)
    with target.env, source.env.begin(buffers=True) as txn:
        for name, table in source.tables.items():
            with txn.cursor(table) as cursor:
                rows = iter(cursor)
                while some := list(islice(rows, COPIED_ROWS)):
                    with target.env.begin(write=True) as writing, writing.cursor(target.tables[name]) as end:
                        end.putmulti(some, append=True)
