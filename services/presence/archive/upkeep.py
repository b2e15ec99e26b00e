"""What is done with files that are written: those of a day are merged, and erased people are taken out.

Both write new files, let the next manifest name them in place of the old ones, and delete these. A crash before that step
has changed nothing; one after it leaves old files, which the next `Archive.sweep` or purge deletes.
"""

from collections.abc import Collection
from itertools import chain
from typing import NamedTuple

import msgspec
import polars as pl

from presence.archive.days import in_pieces
from presence.archive.erasure import NAMING, digest, erased_in, names_any, without
from presence.archive.layout import File, Manifest
from presence.archive.store import Archive


class Purged(NamedTuple):
    """What a purge did to a partition: how many files it wrote anew, and how many rows are gone."""

    files: int
    rows: int


def merge(archive: Archive, manifest: Manifest, today: int, erased: Collection[str]) -> Manifest:
    """Make one file of each complete stretch that is in pieces; the manifest then.

    `today` is the day before which nothing is added any more. Raises as `Archive.read` and `Archive.commit` do.
    """
    partition = manifest.partition
    for piece in in_pieces(manifest.files, today):
        whole = pl.concat([archive.read(partition, file) for file in piece])
        kept = without(whole, erased)
        purged = sum(file.purged for file in piece) + whole.height - kept.height
        span = (piece[0].first, piece[-1].last)
        merged = archive.put(partition, piece[0].day, span, kept, purged=purged)
        at = manifest.files.index(piece[0])
        files = (*manifest.files[:at], merged, *manifest.files[at + len(piece) :])
        manifest = archive.commit(msgspec.structs.replace(manifest, files=files))
        archive.drop(partition, piece)
    return manifest


def erased_people(archive: Archive, partition: int) -> set[str]:
    """Whom the ERASED records of a partition's archive name. Raises as `Archive.beside_others` does."""

    def found(manifest: Manifest) -> set[str]:
        naming = (file for file in manifest.files if file.erasures)
        return set(chain.from_iterable(erased_in(archive.read(partition, file, NAMING)) for file in naming))

    return archive.beside_others(partition, found)


def purge(archive: Archive, partition: int, erased: Collection[str]) -> Purged:
    """Take those `erased` out of every file of a partition, and let its manifest say so.

    Raises as `Archive.beside_others` does.
    """
    done: dict[File, File] = {}

    def step(manifest: Manifest) -> Purged:
        if manifest.clean_of == digest(erased):
            return Purged(0, 0)
        for file in manifest.files:
            if file not in done:
                done[file] = _cleaned(archive, partition, file, erased)
        files = tuple(done[file] for file in manifest.files)
        archive.commit(msgspec.structs.replace(manifest, files=files, clean_of=digest(erased)))
        changed = [old for old in manifest.files if done[old] != old]
        archive.drop(partition, changed)
        return Purged(len(changed), sum(done[old].purged - old.purged for old in changed))

    return archive.beside_others(partition, step)


def _cleaned(archive: Archive, partition: int, file: File, erased: Collection[str]) -> File:
    """`file` itself, or the one to take its place."""
    if not names_any(archive.read(partition, file, NAMING), erased):
        return file
    rows = archive.read(partition, file)
    kept = without(rows, erased)
    purged = file.purged + rows.height - kept.height
    return archive.put(partition, file.day, (file.first, file.last), kept, purged=purged)
