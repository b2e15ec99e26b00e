"""How far the stores of one data folder have come, read beside the worker that owns them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lmdb

from presence.events.errors import InvariantBroken
from presence.log.numbered import newest_folder


class Progress(NamedTuple):
    """offset: of the next record to apply; unpublished: batches and letters that are not out; bytes: on disk."""

    partition: int
    offset: int
    people: int
    unpublished: int
    size_bytes: int


def progress(scoring: Path) -> Iterator[Progress]:
    """Of every partition that has a store in the folder `scoring`, in their order.

    Raises InvariantBroken for a store that cannot be read.
    """
    folders = scoring.glob("partition-*")
    for number, folder in sorted((int(folder.name.rpartition("-")[2]), folder) for folder in folders):
        while (store := newest_folder(folder)) is not None and (store / "data.mdb").exists():
            try:
                yield _of(number, store)
                break
            except InvariantBroken:
                if newest_folder(folder) == store:
                    raise  # Else it was renewed, and is gone.


def _of(number: int, store: Path) -> Progress:
    try:
        with lmdb.open(str(store), readonly=True, max_dbs=4) as env:
            people, pending, outbox, meta = (
                env.open_db(name, create=False) for name in (b"people", b"pending", b"outbox", b"meta")
            )
            with env.begin() as txn:
                value = txn.get(b"meta", db=meta)
                offset = json.loads(bytes(value))["offset"] if value else 0
                pages = env.info()["last_pgno"] + 1
                return Progress(
                    number,
                    offset,
                    txn.stat(people)["entries"],
                    txn.stat(pending)["entries"] + txn.stat(outbox)["entries"],
                    pages * env.stat()["psize"],
                )
    except lmdb.NotFoundError:
        return Progress(number, 0, 0, 0, 0)  # It is being made.
    except (lmdb.Error, ValueError) as error:
        raise InvariantBroken(f"{store} cannot be read ({error})") from error
