"""What can be wrong with an archive: each says which file or which offsets, and stops whoever reads it."""

from presence.events.errors import InvariantBroken


class ArchiveBroken(InvariantBroken):
    """What all faults of an archive have in common; `what` is one word for counting."""

    what = "broken"


class FileMissing(ArchiveBroken):
    """The manifest names a file that is not there."""

    what = "missing"


class FileDamaged(ArchiveBroken):
    """A file is cut off, or its bytes are not those that were written."""

    what = "damaged"


class ManifestMissing(ArchiveBroken):
    """There are files of a partition, and nothing says which of them count."""

    what = "manifest_missing"


class ManifestDamaged(ArchiveBroken):
    """A manifest cannot be read."""

    what = "manifest_damaged"


class ManifestLies(ArchiveBroken):
    """A whole file holds other records than the manifest says."""

    what = "manifest_lies"


class OffsetGap(ArchiveBroken):
    """Offsets `first` to `last` of a partition are in no file, or were lost before they were archived."""

    what = "gap"

    def __init__(self, partition: int, first: int, last: int, why: str) -> None:
        super().__init__(f"partition {partition}: offsets {first} to {last} are missing: {why}")
        self.first, self.last = first, last


class OffsetOverlap(ArchiveBroken):
    """Offsets `first` to `last` of a partition are in two files."""

    what = "overlap"

    def __init__(self, partition: int, first: int, last: int) -> None:
        super().__init__(f"partition {partition}: offsets {first} to {last} are in two files")
        self.first, self.last = first, last
