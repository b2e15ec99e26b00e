"""Taking erased people out of rows. Pure.

Of an erased person only the ERASED records stay: without them a replay would not know. Where others' records name them, as
who acted or as company, the name goes and the record stays; it counts the same.
"""

import hashlib
from collections.abc import Collection

import polars as pl

from presence.archive.rows import raw, records
from presence.archive.rows import rows as rows_of
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Kind
from presence.log import codec

NAMING = ("offset", "kind", "person", "actor_person", "raw_key", "raw_value")
"""The columns that can name somebody."""


def digest(erased: Collection[str]) -> str:
    """Tells one set of people from another; of nobody it is empty."""
    return hashlib.sha256("\n".join(sorted(erased)).encode()).hexdigest() if erased else ""


def erased_in(rows: pl.DataFrame) -> set[str]:
    """Whom ERASED records among `rows` name."""
    return set(rows.filter(pl.col("kind") == Kind.ERASED).get_column("person").to_list())


def names_any(rows: pl.DataFrame, erased: Collection[str]) -> bool:
    """Whether `without` would change `rows`, of which the columns NAMING are enough."""
    if not erased:
        return False
    named = rows.select((_own(erased) | pl.col("actor_person").is_in(_series(erased))).any()).item()
    kept_raw = rows.filter(raw()).select("raw_key", "raw_value")
    return named or any(_cleaned(key, value, erased) != (key, value) for key, value in kept_raw.iter_rows())


def without(rows: pl.DataFrame, erased: Collection[str]) -> pl.DataFrame:
    """`rows`, with the columns of ROWS, as if those `erased` had not been there, but for their ERASED records."""
    if not names_any(rows, erased):
        return rows
    kept = rows.filter(~_own(erased))
    acted = pl.when(pl.col("actor_person").is_in(_series(erased))).then(pl.lit("")).otherwise("actor_person")
    told = kept.filter(~raw()).with_columns(acted.alias("actor_person"))
    cleaned = [
        record._replace(value=found[1])
        for record in records(kept.filter(raw()))
        if (found := _cleaned(record.key, record.value, erased)) is not None
    ]
    return pl.concat([told, rows_of(cleaned)]).sort("offset")


def _own(erased: Collection[str]) -> pl.Expr:
    return pl.col("person").is_in(_series(erased)) & (pl.col("kind") != Kind.ERASED)


def _series(erased: Collection[str]) -> pl.Expr:
    return pl.lit(pl.Series(sorted(erased), dtype=pl.String).implode())


def _cleaned(
    key: bytes | None, value: bytes | None, erased: Collection[str]
) -> tuple[bytes | None, bytes | None] | None:
    """A record without the names of those erased; None if it is about one of them."""
    about_erased = (key or b"").decode(errors="replace") in erased
    try:
        message = codec.parse(value or b"")
    except InvalidEvent:
        return None if about_erased else (key, value)
    if about_erased or message.person in erased:
        return (key, value) if int(message.kind) == Kind.ERASED else None
    company = [each for each in message.associates if each not in erased]
    if message.actor_person not in erased and len(company) == len(message.associates):
        return key, value
    if message.actor_person in erased:
        message.actor_person = ""
    message.associates[:] = company
    return key, message.SerializeToString(deterministic=True)
