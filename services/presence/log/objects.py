"""Where files are kept that outlive a machine: a folder, or anything S3-compatible, by URL."""

from pathlib import Path

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from presence.events.errors import CallerError
from presence.log.disk import to_disk


def open_objects(url: str, variable: str) -> ObjectStore:
    """What is kept below `url`: `file:///folder`, or what `obstore` takes, such as `s3://bucket/prefix`.

    A folder is made if it is not there. Raises CallerError, naming `variable`, if nothing can be kept there.
    """
    try:
        options = {"mkdir": True} if url.startswith("file:") else {}
        return from_url(url, **options)  # type: ignore[call-overload,no-any-return]  # by scheme
    except (BaseError, ValueError, OSError) as error:
        raise CallerError(f"{variable}={url}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """What an error of `obstore` says, in a line: behind it stand pages about its inside."""
    return str(error).partition("\n")[0].rstrip()


def put_new(objects: ObjectStore, path: str, data: bytes) -> None:
    """Keep `data` at `path`, in one piece or not at all; when this returns it outlives a power failure.

    Raises AlreadyExistsError of `obstore` if something is there, BaseError or OSError if it cannot be written.
    """
    objects.put(path, data, mode="create")
    if isinstance(objects, LocalStore) and objects.prefix is not None:
        written = Path(objects.prefix) / path
        to_disk(written, written.parent)
