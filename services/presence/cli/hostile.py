"""Posts that are made to be slow to read, or to be read as something else."""

from collections.abc import Iterable, Iterator
from itertools import cycle
from types import MappingProxyType
from typing import Any

import msgspec

KINDS = MappingProxyType(
    {
        "words": "you stupid ",
        "quotes": '"',
        "tags": "<a ",
        "combining_marks": "i\u0301\u0302\u0303",
        "zero_width": "k\u200bi\u200bl\u200bl ",
        "homoglyphs": "\u0456 w\u0456ll k\u0456ll ",
        "spelled": "k i l l ",
        "signs": "$!@*|",
        "mixed_languages": "je vais dich \u0443\u0431\u0438\u0442\u044c \u4f60 you ",
        "nearly": "i will not ever kill ",
    }
)
"""What such a text repeats, by what is hostile about it."""
LONG_CHARS = 1_000_000
LONG_EVERY = 100
"""Of so many posts one has LONG_CHARS."""
SHORT_CHARS = 3_000


def text(kind: str, chars: int) -> str:
    """A text of `chars` characters, hostile in the way of `kind`."""
    unit = KINDS[kind]
    return (unit * (chars // len(unit) + 1))[:chars]


def posts(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Jetstream's frames with every post's text replaced by a hostile one, of one kind after the other."""
    kinds, number = cycle(KINDS), 0
    for frame in frames:
        told: dict[str, Any] = msgspec.json.decode(frame)
        record = told.get("commit", {}).get("record", {})
        if "text" not in record:
            yield frame
            continue
        number += 1
        record["text"] = text(next(kinds), SHORT_CHARS if number % LONG_EVERY else LONG_CHARS)
        yield msgspec.json.encode(told)
