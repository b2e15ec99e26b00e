"""The jars of the broker: named and hashed in `jars.lock`, downloaded once into a cache folder.

A jar is written under another name and renamed when its SHA-256 is the one in the lock, and every start checks them
again (0.1 s), so neither an interrupted download nor a damaged disk gives a half set that is believed complete.
Python downloads, not Java: the bundled Java knows only its own certificates, Python knows those of the system.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from presence.broker.download import Download, fetch_all
from presence.broker.errors import BrokerError, FolderNotWritable
from presence.broker.locking import exclusive
from presence.broker.progress import ProgressListener, ignore

LOCK_PATH = Path(__file__).with_name("jars.lock")
MAVEN_URL = "https://repo.maven.apache.org/maven2"
# Chosen: longer than the 44 MB take at 1 Mbit/s, so that a second start waits for the download of the first.
CACHE_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Jar:
    """A line of the lock: SHA-256 in hex, size in bytes, and path below the root of a Maven repository."""

    sha256: str
    bytes_total: int
    maven_path: str

    @property
    def file_name(self) -> str:
        return self.maven_path.rpartition("/")[2]

    def is_whole_at(self, path: Path) -> bool:
        """True if `path` holds this very jar."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return False
        return len(content) == self.bytes_total and hashlib.sha256(content).hexdigest() == self.sha256


def locked_jars(lock_path: Path = LOCK_PATH) -> list[Jar]:
    """The jars that make up the broker, in the order of the lock."""
    rows = (line.split() for line in lock_path.read_text().splitlines())
    return [Jar(sha256=sha256, bytes_total=int(size), maven_path=path) for sha256, size, path in rows]


def kafka_version() -> str:
    """The version of Apache Kafka in the lock, such as `4.1.1`."""
    return next(jar.maven_path.split("/")[-2] for jar in locked_jars() if "/kafka_" in jar.maven_path)


def default_cache_folder() -> Path:
    """`$PRESENCE_CACHE`, else `presence` in the user's cache folder (`$XDG_CACHE_HOME`, or `~/.cache`)."""
    if chosen := os.environ.get("PRESENCE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "presence"


def ensure_jars(
    cache_folder: Path,
    listener: ProgressListener = ignore,
    jars: Iterable[Jar] | None = None,
) -> list[Path]:
    """The paths of all jars, downloading those that `<cache_folder>/jars` lacks or that were damaged.

    `$PRESENCE_MAVEN_URL` names another Maven repository to take them from.
    Raises DownloadFailed, FolderNotWritable or BrokerBusy; BrokerError if that is no http(s) address.
    """
    folder = cache_folder / "jars"
    wanted = list(locked_jars() if jars is None else jars)
    paths = [folder / jar.file_name for jar in wanted]
    if not _lacking(folder, wanted):
        return paths
    with exclusive(folder / ".lock", CACHE_WAIT_S):
        _remove_leftovers(folder)
        repository_url = _repository_url()
        downloads = [
            Download(
                name=jar.maven_path,
                url=f"{repository_url}/{jar.maven_path}",
                target=folder / jar.file_name,
                sha256=jar.sha256,
                bytes_total=jar.bytes_total,
            )
            for jar in _lacking(folder, wanted)
        ]
        fetch_all(downloads, folder, listener)
    return paths


def _repository_url() -> str:
    url = os.environ.get("PRESENCE_MAVEN_URL") or MAVEN_URL
    if not url.startswith(("https://", "http://")):
        raise BrokerError(
            f"PRESENCE_MAVEN_URL is {url!r}, which is no address of a Maven repository.",
            "Give one that begins with https:// or http://, or unset it for Maven Central.",
        )
    return url.rstrip("/")


def _lacking(folder: Path, jars: list[Jar]) -> list[Jar]:
    try:
        return [jar for jar in jars if not jar.is_whole_at(folder / jar.file_name)]
    except OSError as error:
        raise FolderNotWritable(folder, error.strerror or str(error)) from error


def _remove_leftovers(folder: Path) -> None:
    # Only the holder of the lock writes here, so whatever is unfinished belongs to a download that was interrupted.
    for leftover in folder.glob("*.part"):
        leftover.unlink(missing_ok=True)
