"""What the model's commands read: events from a file, a model, a time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import polars as pl

from presence.events import lines
from presence.events.errors import CallerError
from presence.events.vocabulary import Event, PersonKind
from presence.model import spec
from presence.model.columns import frame
from presence.model.fold import fold
from presence.model.spec import Model
from presence.model.state import State

EVENTS_MAX = 10_000_000
"""So many events of a file are held in memory at once; more are for the replay."""


class KindName(StrEnum):
    """Whom a score is for."""

    PERSON = "person"
    BUSINESS = "business"


def read_events(path: Path) -> list[Event]:
    """The events of a JSONL file, `-` for standard input.

    Raises CallerError if it cannot be read, or with the number of the first bad line and the reason.
    """
    try:
        with _opened(path) as file:
            events = list(lines.read(_bounded(file)))
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror}") from error
    if len(events) > EVENTS_MAX:
        raise CallerError(f"{path}: more than {EVENTS_MAX:,} events; use the replay")
    return events


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        yield sys.stdin.buffer
    else:
        with path.open("rb") as file:
            yield file


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, each read up to one byte more than a line may have."""
    while line := file.readline(lines.LINE_BYTES_MAX + 2):
        yield line.rstrip(b"\n")


def load_model(path: Path | None) -> Model:
    """The model of a file; of the name of the packaged one, or without a path, that one."""
    packaged = path is None or (str(path) == spec.PACKAGED.stem and not path.exists())
    return spec.load(None if packaged else path)


def folded(events: list[Event], model: Model, kind: KindName | None = None) -> State:
    """The state after all events; `kind` goes before what the events say."""
    state = fold(State.empty(), frame(events), model).state
    if kind is None:
        return state
    code = PersonKind.parse(kind.value)
    return replace(state, people=state.people.with_columns(kind=pl.lit(int(code), pl.UInt8)))


def milliseconds(time: str | None) -> int | None:
    """A time of ISO 8601 in milliseconds; without a zone it is UTC. Raises CallerError."""
    if time is None:
        return None
    try:
        moment = datetime.fromisoformat(time)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    except (ValueError, OverflowError) as error:
        raise CallerError("the time is not like 2026-11-23T00:00:00Z") from error
