"""An export that is a tar, packed with gzip or not, as old Mastodon servers and Google Takeout give: read in its own order.

A packed one can only be read from its beginning; so its parts keep the order in which they stand, and nothing goes back.
"""

import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from presence.events.errors import InvalidEvent

HEADER_BYTES_MAX = 2**20
"""Of what a tar says of one file beside its content: a long name; it has to be held in memory."""
_LONG = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


class _Member(tarfile.TarInfo):
    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        member = super().frombuf(buf, encoding, errors)
        if member.type in _LONG and member.size > HEADER_BYTES_MAX:
            raise ValueError(f"a name in it is longer than {HEADER_BYTES_MAX:,} bytes")
        return member


def is_tar(path: Path) -> bool:
    """Whether it begins as a tar does, packed or not. Raises ValueError if it does in a way that no export would."""
    try:
        tarfile.open(path, "r:*", tarinfo=_Member).close()
    except (tarfile.TarError, EOFError, zlib.error):
        return False
    return True


class Tar:
    """The files of a tar; links and devices are none."""

    def __init__(self, path: Path, *, files_max: int, bytes_max: int) -> None:
        """Raises ValueError if it cannot be read to its end, or holds more files or bytes than allowed."""
        self.members: list[tarfile.TarInfo] = []
        self._tar = tarfile.open(path, "r:*", tarinfo=_Member)  # noqa: SIM115 (closed by `close`)
        size_bytes = 0
        try:
            for member in self._tar:
                size_bytes += member.size
                if size_bytes > bytes_max:
                    raise ValueError("it unpacks to far more than an export does")
                if member.isreg():
                    self.members.append(member)
                if len(self.members) > files_max:
                    raise ValueError(f"more than {files_max:,} files")
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise ValueError("it ends too early, or is damaged") from error

    def open(self, index: int) -> BinaryIO:
        """The file of this number. Raises InvalidEvent if it is sparse: exports have none, and it can be of any size."""
        member = self.members[index]
        if member.issparse():
            raise InvalidEvent("compression")
        return cast("BinaryIO", self._tar.extractfile(member))

    def close(self) -> None:
        self._tar.close()
