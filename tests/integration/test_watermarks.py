"""How far a network is complete stands in the log: in every partition, behind what it speaks of, never back, and not in an outage."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.ingesting import adds_up, another, cast, lines, logged, played, until

from presence.cli.model_input import folded
from presence.demo.frames import frames
from presence.demo.jetstream import Jetstream
from presence.events.vocabulary import Event, Kind
from presence.ingest import watermark
from presence.ingest.bootstrap import BlueskyOptions, bluesky_ingest
from presence.ingest.cursor import CursorStore
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import read_to_end
from presence.log.settings import Settings
from presence.model.evaluate import evaluate
from presence.model.spec import load

DAY_MS = 86_400_000


def marks(found: Settings) -> dict[int, list[Event]]:
    """The watermarks, by partition, in the log's order."""
    told: dict[int, list[Event]] = defaultdict(list)
    for record in read_to_end(found, found.topics.activity):
        event = codec.decode(record.value)
        if event.kind == Kind.WATERMARK:
            told[record.partition].append(event)
    return dict(told)


def test_every_partition_is_told_and_never_back_also_after_a_restart(
    found: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watermark, "EVERY_S", 0.0)
    cast(found)
    content = list(frames(2_000, end_ms=now_ms()))
    server = Jetstream(content, rate_per_s=1_000)
    server.drop_at(700)
    server.start()
    for enough in (1_000, 1_800):
        with bluesky_ingest(found, BlueskyOptions(url=server.url)) as runner:
            runner.on_checkpoint = lambda counts, runner=runner, enough=enough: (  # type: ignore[misc] # in the loop
                runner.stop() if server._played >= enough and counts.read else None  # noqa: SLF001
            )
            adds_up(runner.run())
    server.stop()
    told = marks(found)
    assert set(told) == set(range(found.partitions))
    for events in told.values():
        complete = [event.complete_ms for event in events]
        assert len(complete) > 2
        assert complete == sorted(set(complete))
        assert all(event.network == "bluesky" for event in events)
        assert all(event.complete_ms <= event.observed_ms for event in events)


def test_it_stands_behind_the_acts_that_it_covers(found: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watermark, "EVERY_S", 0.0)
    cast(found)
    content = list(frames(2_000, end_ms=now_ms()))
    with played(content, 1_000) as server, bluesky_ingest(found, BlueskyOptions(url=server.url)) as runner:
        runner.on_checkpoint = lambda counts: runner.stop() if server.done.is_set() and counts.read else None
        runner.run()
    newest: dict[int, int] = {}
    for record in read_to_end(found, found.topics.activity):
        event = codec.decode(record.value)
        if event.kind == Kind.WATERMARK:
            newest[record.partition] = event.complete_ms
        elif event.kind == Kind.ACTIVITY:
            # The frames tell of what has just happened, so none is from before what was said to be complete.
            assert event.occurred_ms >= newest.get(record.partition, 0)
    assert newest


def test_a_file_says_nothing_of_the_network(found: Settings, tmp_path: Path) -> None:
    cast(found)
    path = lines(tmp_path / "frames", list(frames(300, end_ms=now_ms())))
    with bluesky_ingest(found, BlueskyOptions(file=path)) as runner:
        runner.run()
    assert marks(found) == {}
    assert logged(found)


def test_an_outage_shows_and_nobody_declines_for_it(found: Settings) -> None:
    cast(found)
    content = list(frames(1_000, end_ms=now_ms()))
    with played(content, 300) as server, bluesky_ingest(found, BlueskyOptions(url=server.url)) as runner:
        runner.on_checkpoint = lambda _: runner.stop() if server.done.is_set() and marks(found) else None
        runner.run()
    events = [codec.decode(record.value) for record in read_to_end(found, found.topics.activity)]
    model = load()
    tick = Event(kind=Kind.CLOCK, observed_ms=now_ms() + 200 * DAY_MS)

    def scored(*more: Event, without: bool = False) -> dict[str, int]:
        kept = [each for each in events if not (without and each.kind == Kind.WATERMARK)]
        people = evaluate(folded([*kept, *more], model), model).people
        return dict(people.select("person", "presence").iter_rows())

    today, silent, away = scored(), scored(tick, without=True), scored(tick)
    assert any(today.values())
    assert away == today, "the source has said nothing since, so nothing is known to be missing"
    assert any(silent[person] < today[person] for person in today), "without watermarks time goes on"
    mark = next(event for event in events if event.kind == Kind.WATERMARK)
    back = replace(mark, complete_ms=tick.observed_ms, observed_ms=tick.observed_ms)
    assert scored(tick, back) == silent, "once it is back, all of the time counts"


def test_a_log_that_was_lost_is_told_anew(found: Settings) -> None:
    cast(found)
    content = list(frames(300, end_ms=now_ms()))
    fresh = another(found)
    for each in (found, fresh):
        if each is fresh:
            folder = found.data / "ingest" / "bluesky"
            (folder / found.namespace).rename(folder / fresh.namespace)
            store = CursorStore(folder / fresh.namespace / "cursor")
            assert store.load(watermark.mark_name("jetstream")) is not None
            store.close()
            cast(fresh)
        with played(content, 100) as server, bluesky_ingest(each, BlueskyOptions(url=server.url)) as runner:
            runner.on_checkpoint = lambda _, each=each, runner=runner: (  # type: ignore[misc] # in the loop
                runner.stop() if marks(each) else None
            )
            runner.run()
        until(lambda each=each: set(marks(each)) == {0, 1})  # type: ignore[misc] # in the loop
