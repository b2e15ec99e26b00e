"""What outlives a loss of power."""

import os
from pathlib import Path


def to_disk(*paths: Path) -> None:
    """Wait until files, and the names in folders, are on disk. Raises OSError."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
