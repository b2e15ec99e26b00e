"""One ingest of a network at a time in a folder."""

from contextlib import AbstractContextManager
from pathlib import Path

from presence.log import lock


def exclusive(folder: Path) -> AbstractContextManager[None]:
    """Hold `folder` for the block. Raises CallerError if another ingest does, or it cannot be made."""
    return lock.exclusive(folder, f"another ingest of {folder.name} is at work in {folder}")
