"""Download files whose hash is known: in parallel, bounded, and never visible before they are whole."""

import hashlib
import http.client
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from presence.broker.errors import DownloadFailed, FolderNotWritable
from presence.broker.progress import Progress, ProgressListener, Step

PARALLEL_MAX = 6
ATTEMPTS_MAX = 3
SOCKET_TIMEOUT_S = 20.0
CHUNK_BYTES = 1 << 16
# Answers that will be the same in a second; 429 and everything of the server's own making (5xx) may change.
FINAL_STATUS = range(400, 429)


@dataclass(frozen=True, slots=True)
class Download:
    """One file: what it is called in messages, where it is, where it goes, and what it must be."""

    name: str
    url: str
    target: Path
    sha256: str
    bytes_total: int


class _Rejected(Exception):
    """The server answered, and trying again is of no use."""


@dataclass
class _Tally:
    """Bytes received over all threads. A failed attempt takes back what it had counted."""

    listener: ProgressListener
    bytes_total: int
    bytes_done: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, count: int) -> None:
        with self._lock:
            self.bytes_done += count
            self.listener(Progress(Step.DOWNLOAD, name, self.bytes_done, self.bytes_total))


def fetch_all(downloads: list[Download], folder: Path, listener: ProgressListener) -> None:
    """Fetch everything or raise for the first that failed; files that were completed stay.

    Raises DownloadFailed naming the file, or FolderNotWritable. The listener is called from worker threads, one
    call at a time.
    """
    tally = _Tally(listener, sum(download.bytes_total for download in downloads))
    trust = _trusted_certificates()
    with ThreadPoolExecutor(PARALLEL_MAX, thread_name_prefix="download") as pool:
        futures = [pool.submit(_fetch, download, folder, trust, tally) for download in downloads]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # Also on Ctrl-C: without this the pool would finish the whole download before it lets go.
            tally.cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
    for future in done:
        if not future.cancelled():
            future.result()


def _trusted_certificates() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        # A Python without the system's certificates (as from python.org on macOS) has certifi through jgo's requests.
        import certifi  # noqa: PLC0415  needed on few machines, and absent from a slim install

        context.load_verify_locations(certifi.where())
    return context


def _fetch(download: Download, folder: Path, trust: ssl.SSLContext, tally: _Tally) -> None:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            _fetch_once(download, trust, tally)
        except _Rejected as error:
            raise DownloadFailed(download.name, folder, str(error)) from None
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ssl.SSLError,
            TimeoutError,
            ConnectionError,
        ) as error:
            if attempt == ATTEMPTS_MAX or tally.cancelled.wait(2.0**attempt / 4):
                raise DownloadFailed(download.name, folder, _reason(error)) from None
        except OSError as error:
            raise FolderNotWritable(folder, error.strerror or str(error)) from error
        else:
            return


def _fetch_once(download: Download, trust: ssl.SSLContext, tally: _Tally) -> None:
    part = download.target.with_suffix(".part")
    counted = 0
    digest = hashlib.sha256()
    try:
        with _open(download.url, trust) as response, part.open("wb") as file:
            for chunk in _chunks(response, download.bytes_total, tally.cancelled):
                file.write(chunk)
                digest.update(chunk)
                counted += len(chunk)
                tally.add(download.name, len(chunk))
        _check(download, counted, digest.hexdigest())
        part.replace(download.target)
    except BaseException:
        tally.add(download.name, -counted)
        part.unlink(missing_ok=True)
        raise


def _chunks(
    response: http.client.HTTPResponse, bytes_max: int, cancelled: threading.Event
) -> Iterator[bytes]:
    received = 0
    while received <= bytes_max and (chunk := response.read(CHUNK_BYTES)):
        if cancelled.is_set():
            raise _Rejected("cancelled because another one failed")
        received += len(chunk)
        yield chunk


def _check(download: Download, received: int, sha256: str) -> None:
    # Both may be different at the next attempt, so both count as a broken connection.
    if received != download.bytes_total:
        raise ConnectionError(f"got {received} bytes instead of {download.bytes_total}")
    if sha256 != download.sha256:
        raise ConnectionError("what arrived is not what jars.lock names (its SHA-256 differs)")


def _open(url: str, trust: ssl.SSLContext) -> http.client.HTTPResponse:
    try:
        response = urllib.request.urlopen(url, timeout=SOCKET_TIMEOUT_S, context=trust)  # noqa: S310  from our own lock
    except urllib.error.HTTPError as error:
        error.close()  # It is a response as well, and holds its connection.
        if error.code in FINAL_STATUS:
            raise _Rejected(f"the server says {error.code} {error.reason}") from None
        raise
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    said = cause.strerror if isinstance(cause, OSError) else None
    return said or str(cause) or type(cause).__name__
