"""The elements of the arrays in a JSON file, one at a time, as the bytes that they are.

Takes a top-level array (also behind a prefix, as in `window.YTD.tweets.part0 = [...]`) and every array that is a member of
a top-level object. An element that is no JSON comes out as it is, for its decoder to refuse; the next one is found again.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from presence.ingest.exports.export import Item
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES

CHUNK_BYTES = 65_536
DEPTH_MAX = 512
"""Deeper than any export; from there on brackets are only counted."""
KEY_BYTES_MAX = 256

_BEGIN = re.compile(rb"[\[{]")
_MEMBER = re.compile(rb'["{}\[\]:]')
_ELEMENT = re.compile(rb"[^\s,]")
_NESTED = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'["\\\n]')
_SCALAR_END = re.compile(rb"[,\]}\s]")
_CLOSES = {b"}": b"{", b"]": b"["}


def elements(file: BinaryIO, kind: str) -> Iterator[Item]:
    """Every element as an item whose kind is `kind`, or `kind/key` where its array is the member `key` of an object."""
    scan = _Scan(file)
    while (begin := scan.find(_BEGIN)) is not None:
        if begin == b"[":
            yield from scan.array(kind)
        else:
            yield from scan.members(kind)


def elements_inside(file: BinaryIO, kind: str, key: str) -> Iterator[Item]:
    """The elements of every array that is called `key`, however deep it stands, as items of `kind`.

    For files whose own elements are too large to be items, as conversations with all their messages are.
    """
    scan, text = _Scan(file), ""
    while (token := scan.find(_MEMBER)) is not None:
        if token == b'"':
            text = scan.key()
        elif token == b"[" and text == key:
            yield from scan.array(kind)
        text = text if token in b'":' else ""


class _Scan:
    """Goes over the file once. From `mark` on its bytes are kept, up to the longest item; then only their number."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0
        self._mark: int | None = None
        self._head = b""
        self._dropped = 0

    def find(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """The next byte that `pattern` matches, which is then passed; None at the end of the file."""
        while True:
            found = pattern.search(self._buffer, self._at)
            if found is not None:
                self._at = found.end()
                return found[0]
            self._at = len(self._buffer)
            if not self._more():
                return None

    def members(self, kind: str) -> Iterator[Item]:
        """Of an object whose brace is passed: the elements of the arrays among its members."""
        text = key = ""
        while (token := self.find(_MEMBER)) not in {None, b"}", b"]"}:
            if token == b'"':
                text = self.key()
            elif token == b":":
                key = text
            elif token == b"[":
                yield from self.array(f"{kind}/{key}")
            else:
                self._nested(b"{")

    def array(self, kind: str) -> Iterator[Item]:
        """Of an array whose bracket is passed: its elements."""
        while (token := self.find(_ELEMENT)) not in {None, b"]"}:
            assert token is not None
            self._begin()
            if token in b"{[":
                self._nested(token)
            elif token == b'"':
                self._string()
            elif self.find(_SCALAR_END) is not None:
                self._at -= 1
                self._at += (
                    self._buffer[self._at : self._at + 1] == b"}"
                )  # No scalar holds one; pass it, or stand still.
            yield self._end(kind)

    def _nested(self, opened: bytes) -> None:
        """Pass the rest of what `opened` has begun, or what cannot be a part of it."""
        stack, deeper = bytearray(opened), 0
        while stack and (token := self.find(_NESTED)) is not None:
            if token == b'"':
                self._string()
            elif token in _CLOSES:
                if deeper:
                    deeper -= 1
                elif stack[-1:] != _CLOSES[token]:
                    return
                else:
                    stack.pop()
            elif len(stack) < DEPTH_MAX:
                stack += token
            else:
                deeper += 1

    def _string(self) -> None:
        """Pass the rest of a string. A line's end ends it too, as none may stand in one: so a lost quote costs a line."""
        while (token := self.find(_STRING)) == b"\\":
            if self._at >= len(self._buffer) and not self._more():
                return
            self._at += 1
        assert token in {None, b'"', b"\n"}

    def key(self) -> str:
        """A string whose first quote is passed."""
        self._begin()
        self._string()
        return self._end("").data[1:-1][:KEY_BYTES_MAX].decode(errors="replace")

    def _begin(self) -> None:
        self._mark, self._head, self._dropped = self._at - 1, b"", 0

    def _end(self, kind: str) -> Item:
        assert self._mark is not None
        data = self._buffer[self._mark : self._at]
        size_bytes = self._dropped + len(data)
        self._mark = None
        if size_bytes > FRAME_BYTES_MAX:
            data = (self._head or data)[:HEAD_BYTES]
        return Item(data, kind, size_bytes=size_bytes)

    def _more(self) -> bool:
        """Read on, and forget what is passed and not kept."""
        chunk = self._file.read(CHUNK_BYTES)
        if not chunk:
            return False
        keep = self._at if self._mark is None else self._mark
        if self._mark is not None and self._at - keep > FRAME_BYTES_MAX:
            self._head = self._head or self._buffer[keep : keep + HEAD_BYTES]
            self._dropped += self._at - keep
            keep = self._at
        self._buffer = self._buffer[keep:] + chunk
        self._at -= keep
        if self._mark is not None:
            self._mark = 0
        return True
