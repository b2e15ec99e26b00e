"""What is known about the broker of a data folder, kept in its `broker.json`: its ports and its last process.

The ports stay when the broker stops, so clients of the folder find it where it was. The process id alone
proves nothing: the process may be gone, or another may have been given its number; process.py checks.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from presence.broker.errors import BrokerError, FolderNotWritable

FILE_NAME = "broker.json"


@dataclass(frozen=True, slots=True)
class BrokerRecord:
    """`pid` is None after a clean stop."""

    port: int
    controller_port: int
    pid: int | None


def read_record(data_folder: Path) -> BrokerRecord | None:
    """The record of this folder, None if it never had a broker. Raises BrokerError if it cannot be understood."""
    path = data_folder / FILE_NAME
    try:
        return BrokerRecord(**json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, OSError) as error:
        raise BrokerError(
            f"{path} cannot be read: {error}.",
            "Delete it and start again: it holds only ports and a process id, the data stays.",
        ) from error


def write_record(data_folder: Path, record: BrokerRecord) -> None:
    """Replace the record at once: a reader sees the old one or the new one. Raises FolderNotWritable."""
    path = data_folder / FILE_NAME
    part = path.with_suffix(".part")
    try:
        with part.open("w") as file:
            json.dump(asdict(record), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise FolderNotWritable(data_folder, error.strerror or str(error)) from error
