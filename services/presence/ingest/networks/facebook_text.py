"""The text of a person's export."""

import hashlib


def repaired(text: str) -> str:
    r"""`text` with each byte of its UTF-8 taken for a character again; as it is, if it was never broken.

    >>> repaired("Tobias L\u00c3\u00b8ye")
    'Tobias Løye'
    >>> repaired("Løye")
    'Løye'
    """
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def hashed(text: str) -> str:
    """What a text is known by, whether it was repaired yet or not: 16 hexadecimal digits."""
    return hashlib.blake2b(repaired(text).encode(errors="replace"), digest_size=8).hexdigest()
