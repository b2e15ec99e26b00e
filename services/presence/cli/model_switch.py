"""`presence model switch`: serve the scores of another model, once they have caught up."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from presence.cli.context import settings
from presence.events.errors import CallerError
from presence.log import live, revision
from presence.log.clock import now_ms
from presence.log.kafka import consumer, ensure_topics, read_to_end
from presence.log.live import Live
from presence.log.settings import Settings
from presence.v1 import score_pb2

LOOK_S = 2.0
err = Console(stderr=True)


class Scores(NamedTuple):
    """What a topic of scores has: of everybody partition and offset of the revision, and the models that made them."""

    revisions: dict[bytes, tuple[int, int]]
    models: set[tuple[str, str]]


def switch(
    variant: Annotated[
        str,
        typer.Argument(
            help="Whose scores, as PRESENCE_VARIANT names it; `first` is the scoring without one."
        ),
    ],
    wait: Annotated[
        int, typer.Option("--wait", help="How many seconds to wait until it has caught up.", min=0)
    ] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Serve the scores of another scoring from now on: of everybody at once, and nobody's at an older revision.

    It must have been started beside the live one (see docs/scoring.md). The live scores and all history stay as
    they are, and `presence model switch first` goes back to them.
    """
    found = settings()
    ensure_topics(found)
    before = live.newest(found)
    old = replace(found, variant=before.variant if before else "")
    new = replace(found, variant="" if variant == "first" else variant)
    if old.variant == new.variant:
        raise CallerError(f"{variant} is live already")
    scores = _caught_up(old, new, wait)
    if len(scores.models) != 1:
        raise CallerError(f"{new.topics.scores} has scores by {len(scores.models)} models: it must be one")
    name, digest = next(iter(scores.models))
    ends: dict[str, int] = {}
    for partition, offset in scores.revisions.values():
        ends[str(partition)] = max(offset, ends.get(str(partition), -1))
    now = Live(
        variant=new.variant,
        model=name,
        model_hash=digest,
        switched_ms=now_ms(),
        revisions=dict(sorted(ends.items())),
    )
    live.announce(found, now)
    told = {
        "live": new.topics.scores, "before": old.topics.scores, "model": name, "hash": digest,
        "people": len(scores.revisions), "revisions": now.revisions,
    }  # fmt: skip
    if as_json:
        print(json.dumps(told))
    else:
        print(
            f"{told['live']} is live: {told['people']:,} people by {name} ({digest}); {told['before']} stays as it is"
        )


def _caught_up(old: Settings, new: Settings, wait_s: int) -> Scores:
    """The new scores, as soon as nobody's is at an older revision than the live one. Raises CallerError after `wait_s`."""
    deadline = time.monotonic() + wait_s
    with _progress() as show:
        while True:
            # In this order: what is live goes on meanwhile, and the other one with it.
            current, fresh = _scores(old), _scores(new)
            behind = sum(
                _is_behind(fresh.revisions.get(person), at) for person, at in current.revisions.items()
            )
            show(len(current.revisions) - behind, len(current.revisions))
            if fresh.revisions and not behind:
                return fresh
            if time.monotonic() >= deadline:
                raise CallerError(
                    f"{new.topics.scores} has not caught up: {behind:,} of {len(current.revisions):,} people are behind"
                )
            time.sleep(LOOK_S)


def _scores(of: Settings) -> Scores:
    revisions: dict[bytes, tuple[int, int]] = {}
    models: dict[bytes, tuple[str, str]] = {}
    for record in read_to_end(of, of.topics.scores) if _has_begun(of) else ():
        if record.value is None:
            revisions.pop(record.key, None)
            models.pop(record.key, None)
            continue
        score = score_pb2.Score.FromString(record.value)
        revisions[record.key] = revision.decode(score.revision)
        models[record.key] = (score.model.name, score.model.hash)
    return Scores(revisions, set(models.values()))


def _has_begun(scoring: Settings) -> bool:
    """Whether there is a topic of its scores."""
    reader = consumer(scoring)
    try:
        return scoring.topics.scores in reader.topics()
    finally:
        reader.close()


def _is_behind(found: tuple[int, int] | None, wanted: tuple[int, int]) -> bool:
    """Whether a revision is none, or before another of its partition."""
    return found is None or found[0] != wanted[0] or found[1] < wanted[1]


@contextmanager
def _progress() -> Iterator[Any]:
    columns = (TextColumn("caught up"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
