"""Kafka's own folder inside the data folder: made once, all or nothing, and never made anew over data."""

import base64
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from presence.broker.errors import BrokerError
from presence.broker.java import format_storage
from presence.broker.properties import server_properties

FOLDER_NAME = "kafka"


def ensure_storage(data_folder: Path, jars: Sequence[Path], *, port: int, controller_port: int) -> None:
    """Format `<data_folder>/kafka` unless it is there. An interrupted format leaves nothing that looks like one.

    Raises BrokerError or JavaMissing; OSError when the disk refuses.
    """
    final = data_folder / FOLDER_NAME
    if final.exists():
        cluster_id(data_folder)
        return
    unfinished = data_folder / f"{FOLDER_NAME}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    properties_path = data_folder / "format.properties"
    properties_path.write_text(
        server_properties(log_folder=unfinished, port=port, controller_port=controller_port)
    )
    format_storage(jars, properties_path, _new_cluster_id())
    properties_path.unlink()
    unfinished.rename(final)


def cluster_id(data_folder: Path) -> str:
    """The cluster that this folder belongs to, from Kafka's own `meta.properties`. Raises BrokerError."""
    path = data_folder / FOLDER_NAME / "meta.properties"
    try:
        rows = [line.partition("=") for line in path.read_text().splitlines()]
        return next(value.strip() for key, _, value in rows if key.strip() == "cluster.id")
    except (OSError, StopIteration) as error:
        raise BrokerError(
            f"{path.parent} is no folder of Kafka: meta.properties is missing or names no cluster.",
            "Bring the file back from a copy, or choose another data folder with --data.",
        ) from error


def _new_cluster_id() -> str:
    # Kafka's form of a UUID: 16 bytes in URL-safe Base64 without padding; it refuses a dash in front.
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
