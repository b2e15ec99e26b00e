"""The end of a log, for a message about a broker that died."""

from pathlib import Path

LINES_MAX = 12
TAIL_BYTES = 16_384


def last_lines(*log_paths: Path) -> list[str]:
    """The last lines of the files together, in their order; a missing file has none."""
    lines = [line for path in log_paths for line in _tail(path)]
    return lines[-LINES_MAX:]


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - TAIL_BYTES, 0))
            return file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
