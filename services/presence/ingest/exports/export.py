"""An export as its owner has it: a file, a folder, a zip or a tar, seen as named parts that are streamed.

Nothing is unpacked, so no name in an archive can lead anywhere; links in a folder are not followed. What a zip says of
its own size is checked before it is believed.
"""

import hashlib
import io
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self, cast

import msgspec

from presence.events.errors import CallerError, InvalidEvent, SourceUnavailable
from presence.ingest.exports.tar import Tar, is_tar

PARTS_MAX = 200_000
DIRECTORY_BYTES_MAX = 64 * 2**20
"""Of a zip's own list of parts, which has to be held in memory: some 500,000 of them."""
PACKED_RATIO_MAX = 200
"""Text packs 5 to 20 times; deflate's limit, which only bombs reach, is 1,032."""
PACKED_RATIO_FROM_BYTES = 64 * 2**20
SAMPLE_BYTES = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What Python unpacks in bounded memory; the exports of all networks are packed by one of these."""
_SYSTEM_FILE = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$)")


class Part(msgspec.Struct, frozen=True):
    """One file of an export; `name` has forward slashes, and is never used as a path of this machine by itself."""

    name: str
    size_bytes: int
    index: int

    @property
    def base(self) -> str:
        """The last part of its name."""
        return self.name.rsplit("/", 1)[-1]


class Item(msgspec.Struct, frozen=True, gc=False):
    """One native thing of an export: its bytes, what kind it is, and why it cannot be read, if it cannot.

    `size_bytes` is its true size if only its head is in `data`.
    """

    data: bytes
    kind: str
    refused: str = ""
    size_bytes: int = 0


class Export:
    """A context manager. Parts stand in the order of their names, of a tar in its own: an item has the same number each time."""

    def __init__(self, path: Path) -> None:
        """Raises CallerError if `path` is not there, cannot be read, or is a zip that no export is."""
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        self._tar: Tar | None = None
        self._members: Sequence[zipfile.ZipInfo] = ()
        self._selected: set[int] = set()
        self.bytes_total = 0
        self.bytes_read = 0
        try:
            if path.is_dir():
                self.parts = tuple(_folder(path))
            elif zipfile.is_zipfile(path):
                self.parts = tuple(self._open_zip())
            elif is_tar(path):
                self.parts = tuple(self._open_tar())
            else:
                self.parts = (Part(path.name, path.stat().st_size, 0),)
        except OSError as error:
            raise CallerError(f"{path}: {error.strerror}") from error
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise CallerError(f"{path} is not an archive that can be read: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._zip, self._tar):
            if each is not None:
                each.close()

    def find(self, *patterns: str) -> list[Part]:
        """The parts whose name, or its end after a slash, is like one of `patterns`, in any case of letters.

        `*` is anything but a slash.
        """
        wanted = re.compile("|".join(f"(?:.*/)?{_pattern(each)}" for each in patterns), re.IGNORECASE)
        return [each for each in self.parts if wanted.fullmatch(each.name)]

    def select(self, *patterns: str) -> list[Part]:
        """As `find`; these parts are going to be read, so that the end can be foretold and the rest be named."""
        found = [each for each in self.find(*patterns) if not _SYSTEM_FILE.search(each.name)]
        self.bytes_total += sum(each.size_bytes for each in found if each.index not in self._selected)
        self._selected.update(each.index for each in found)
        return found

    def unselected(self) -> list[Part]:
        """The parts that no `select` has named."""
        return [each for each in self.parts if each.index not in self._selected]

    def open(self, part: Part) -> BinaryIO:
        """The part as a stream. Reading it raises InvalidEvent where it is damaged, SourceUnavailable if the disk is.

        Raises InvalidEvent if it is sealed with a password, packed in a way that cannot be streamed, or a bomb.
        """
        try:
            return io.BufferedReader(_Counted(self, self._raw(part)), 2**16)  # type: ignore[type-var] # typeshed asks for `raw`
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise InvalidEvent("damaged") from error
        except OSError as error:
            raise SourceUnavailable(f"{part.base} cannot be read: {error.strerror}") from error

    def items(
        self, parts: Sequence[Part], read: Callable[[Part, BinaryIO], Iterator[Item]]
    ) -> Iterator[Item]:
        """What `read` makes of each of `parts`; a damaged one ends with an item that says so, and the next follows."""
        for part in parts:
            try:
                with self.open(part) as file:
                    yield from read(part, file)
            except InvalidEvent as error:
                yield Item(b"", part.base, error.reason)

    def local(self, part: Part) -> Path:
        """Where the part can be read at any place. Raises CallerError if it is inside a zip or a tar."""
        if self._zip is not None or self._tar is not None:
            raise CallerError(f"{part.base} has to be taken out of the archive first")
        return self.path / part.name if self.path.is_dir() else self.path

    def fingerprint(self) -> str:
        """Tells one content from another: by its size, beginning and end, or by its parts' names and sizes."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(f"{part.name}\0{part.size_bytes}\0".encode(errors="surrogatepass"))
        if not self.path.is_dir():
            with self.path.open("rb") as file:
                digest.update(file.read(SAMPLE_BYTES))
                file.seek(max(0, self.path.stat().st_size - SAMPLE_BYTES))
                digest.update(file.read(SAMPLE_BYTES))
        return digest.hexdigest()[:32]

    def _open_zip(self) -> Iterator[Part]:
        _check_directory(self.path)
        self._zip = zipfile.ZipFile(self.path)
        files = [each for each in self._zip.infolist() if not each.is_dir()]
        self._members = sorted(files, key=lambda each: each.filename)
        if len(files) > PARTS_MAX:
            raise CallerError(f"{self.path}: more than {PARTS_MAX:,} files")
        for index, member in enumerate(self._members):
            yield Part(member.filename.replace("\\", "/"), member.file_size, index)

    def _open_tar(self) -> Iterator[Part]:
        bytes_max = max(PACKED_RATIO_FROM_BYTES, PACKED_RATIO_MAX * self.path.stat().st_size)
        self._tar = Tar(self.path, files_max=PARTS_MAX, bytes_max=bytes_max)
        for index, member in enumerate(self._tar.members):
            yield Part(member.name.replace("\\", "/").removeprefix("./"), member.size, index)

    def _raw(self, part: Part) -> BinaryIO:
        if self._tar is not None:
            return self._tar.open(part.index)
        if self._zip is None:
            return self.local(part).open("rb", buffering=0)
        member = self._members[part.index]
        if member.flag_bits & 1:
            raise InvalidEvent("encrypted")
        if member.compress_type not in _METHODS:
            raise InvalidEvent("compression")
        is_large = member.file_size > PACKED_RATIO_FROM_BYTES
        if is_large and member.file_size > PACKED_RATIO_MAX * max(1, member.compress_size):
            raise InvalidEvent("bomb")
        return cast("BinaryIO", self._zip.open(member))


class _Counted(io.RawIOBase):
    """A stream that tells its export how far it is, and what is wrong in the words of who must react."""

    def __init__(self, export: Export, raw: BinaryIO) -> None:
        super().__init__()
        self._export = export
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override] # typeshed: any writable buffer
        try:
            data = self._raw.read(len(buffer))
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
            raise InvalidEvent("damaged") from error
        except OSError as error:
            raise SourceUnavailable(f"the export cannot be read on: {error.strerror}") from error
        buffer[: len(data)] = data
        self._export.bytes_read += len(data)
        return len(data)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _folder(path: Path) -> Iterator[Part]:
    names = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in files:
            full = Path(folder) / name
            if full.is_file() and not full.is_symlink():
                names.append(full.relative_to(path).as_posix())
        if len(names) > PARTS_MAX:
            raise CallerError(f"{path}: more than {PARTS_MAX:,} files")
    for index, name in enumerate(sorted(names)):
        yield Part(name, (path / name).stat().st_size, index)


def _check_directory(path: Path) -> None:
    """Look at how long the zip's directory is before it is read whole: PKWARE's APPNOTE.TXT, 4.3.14 to 4.3.16."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 66_000))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) < at + 22:
            return
        (directory_bytes,) = struct.unpack_from("<L", tail, at + 12)
        if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
            (offset,) = struct.unpack_from("<Q", tail, at - 12)
            file.seek(min(offset, size))
            large = file.read(56)
            if len(large) == 56 and large.startswith(b"PK\x06\x06"):
                (directory_bytes,) = struct.unpack_from("<Q", large, 40)
    if directory_bytes > DIRECTORY_BYTES_MAX:
        raise CallerError(f"{path}: its list of files is longer than {DIRECTORY_BYTES_MAX:,} bytes")


def _pattern(text: str) -> str:
    return re.escape(text).replace(r"\*", "[^/]*")
