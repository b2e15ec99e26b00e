"""Ingest against a real broker, over a real websocket, as a real process: the same events, none lost, none twice."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from presence.demo.frames import CAST, did, frames
from presence.demo.jetstream import Jetstream
from presence.events.errors import CallerError
from presence.events.vocabulary import Kind
from presence.ingest.bootstrap import BlueskyOptions, Mode, bluesky_ingest
from presence.log.clock import now_ms
from presence.log.kafka import read_to_end
from presence.log.settings import Settings
from presence.roster.people import ConsentBasis

from .ingesting import (
    PATIENCE_S,
    REAL,
    Spawn,
    another,
    assert_none_twice,
    by_file,
    by_websocket,
    cast,
    caught_up,
    counting,
    dead_letters,
    ended,
    enrol,
    following,
    lines,
    logged,
    played,
    said,
    until,
)


def test_the_real_frames_say_the_same_by_file_and_by_websocket(found: Settings) -> None:
    counts = by_file(found, REAL, Mode.OPEN)
    assert (counts.read, counts.used, counts.events, counts.gauges, counts.dlq) == (10, 5, 9, 1, 2)
    assert counts.skipped == {"identity": 1, "account": 1, "unscored": 1}
    other = another(found)
    with (
        played(REAL.read_bytes().splitlines()) as server,
        by_websocket(other, server.url, Mode.OPEN) as runner,
    ):
        # Those three that are of no wanted collection are not even sent.
        until(lambda: runner.counts.read == 7)
    assert said(other) == said(found)
    assert said(found).total() == 10


def test_a_file_and_then_the_same_by_websocket_adds_nothing(found: Settings) -> None:
    by_file(found, REAL, Mode.OPEN)
    before = said(found)
    with (
        played(REAL.read_bytes().splitlines()) as server,
        by_websocket(found, server.url, Mode.OPEN) as runner,
    ):
        until(lambda: runner.counts.read == 7)
    assert by_file(found, REAL, Mode.OPEN).known == 10
    assert said(found) == before


def test_malformed_frames_are_one_dead_letter_each_and_nothing_stops(found: Settings, tmp_path: Path) -> None:
    good, *_, block = REAL.read_bytes().splitlines()
    ten_megabytes = b'{"did":"did:plc:a","time_us":1779719009132431,"kind":' + b"[" * 10_000_000
    bad = {
        "json": good[:-30],
        "shape": good.replace(b'"subject":{', b'"subject":5,"was":{'),
        "time": good.replace(b"2026-05-25T14", b"2126-05-25T14"),
        "unknown_collection": good.replace(b"app.bsky.feed.like", b"com.example.applause"),
        "nesting": good.replace(b'"subject":{', b'"deep":' + b"[" * 100_000 + b',"subject":{'),
        "too_long": ten_megabytes,
    }
    content = [*bad.values(), good, block]
    counts = by_file(found, lines(tmp_path / "frames", content), Mode.OPEN)
    assert counts.reasons == dict.fromkeys(bad, 1)
    assert (counts.read, counts.used, counts.events) == (8, 1, 2)
    written = dead_letters(found)
    assert [headers["reason"] for headers, _ in written] == list(bad)
    assert [headers["position"] for headers, _ in written] == ["1", "2", "3", "4", "5", "6"]
    assert [headers["size_bytes"] for headers, _ in written] == [str(len(each)) for each in bad.values()]
    assert json.loads(written[3][1])["commit"]["collection"] == "text", "the shape of the frame"
    assert [value for _, value in written if b"did:" in value] == [], "what somebody wrote"

    other = another(found)
    del bad["unknown_collection"]  # What was not asked for is not sent.
    with (
        played([*bad.values(), good, block]) as server,
        by_websocket(other, server.url, Mode.OPEN) as runner,
    ):
        until(lambda: runner.counts.used == 1)
        until(lambda: [headers["reason"] for headers, _ in dead_letters(other)] == list(bad))
    assert said(other) == said(found)


def test_kill_9_of_the_process_on_a_websocket_loses_nothing_and_adds_nothing_twice(
    found: Settings, spawn: Spawn, tmp_path: Path
) -> None:
    content = list(frames(6_000, end_ms=now_ms()))
    undisturbed = another(found)
    cast(found)
    cast(undisturbed)
    by_file(undisturbed, lines(tmp_path / "frames", content))
    with played(content, rate_per_s=2_000) as server, counting(found) as written:
        for enough in (1_000, 3_000):
            process = spawn("presence.cli.main", found, "ingest", "bluesky", "--url", server.url)
            until(lambda enough=enough: written() >= enough)  # type: ignore[misc] # bound in the loop
            process.kill()
            process.wait()
        process = spawn("presence.cli.main", found, "ingest", "bluesky", "--url", server.url)
        caught_up(found, undisturbed)
        process.terminate()
        assert ended(process) == 0
    assert_none_twice(found)
    assert said(found) == said(undisturbed)
    assert {event.kind for event in logged(found)} == {Kind.ACTIVITY, Kind.GAUGE, Kind.UNDO}


def test_kill_9_in_the_middle_of_a_file_and_again(found: Settings, spawn: Spawn, tmp_path: Path) -> None:
    path = lines(tmp_path / "frames", list(frames(20_000, end_ms=now_ms())))
    undisturbed = another(found)
    cast(found)
    cast(undisturbed)
    whole = by_file(undisturbed, path)
    with counting(found) as written:
        process = spawn("presence.cli.main", found, "ingest", "bluesky", "--file", str(path))
        until(lambda: written() >= 3_000)
        process.kill()
        process.wait()
    rest = by_file(found, path)
    assert 0 < rest.events < whole.events, "it was not killed in the middle"
    assert_none_twice(found)
    assert said(found) == said(undisturbed)


def test_lost_connections_lose_nothing_and_add_nothing_twice(found: Settings, tmp_path: Path) -> None:
    content = list(frames(3_000, end_ms=now_ms()))
    undisturbed = another(found)
    cast(found)
    cast(undisturbed)
    by_file(undisturbed, lines(tmp_path / "frames", content))
    server = Jetstream(content, rate_per_s=2_000)
    server.drop_at(500, 1_700)
    server.start()
    with by_websocket(found, server.url):
        caught_up(found, undisturbed)
    server.stop()
    assert server.connections == 3
    assert_none_twice(found)
    assert said(found) == said(undisturbed)


def test_sigterm_ends_it_well_and_the_next_start_goes_on(
    found: Settings, spawn: Spawn, tmp_path: Path
) -> None:
    content = list(frames(2_000, end_ms=now_ms()))
    undisturbed = another(found)
    cast(found)
    cast(undisturbed)
    by_file(undisturbed, lines(tmp_path / "frames", content))
    with played(content, rate_per_s=1_000) as server:
        process = spawn("presence.cli.main", found, "ingest", "bluesky", "--url", server.url)
        until(lambda: len(logged(found)) > 0)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
        until(lambda: server._played == len(content))  # noqa: SLF001 (what nobody listened to has passed)
        with by_websocket(found, server.url):
            caught_up(found, undisturbed)
    assert_none_twice(found)
    assert said(found) == said(undisturbed)


def test_who_enrols_while_it_runs_counts_from_then_on(found: Settings) -> None:
    content = list(frames(4_000, end_ms=now_ms()))
    ada = CAST[0].did
    with played(content, rate_per_s=1_000) as server, by_websocket(found, server.url) as runner:
        until(lambda: runner.counts.skipped["not_enrolled"] > 100)
        enrol(found, ada)
        until(lambda: runner.counts.events > 0)
    with following(found) as follower:
        (person,) = follower.registry.people()
    assert {event.person for event in logged(found)} == {person.id}


def test_authored_asks_the_server_for_the_enrolled_only_and_tells_it_of_newcomers(found: Settings) -> None:
    ada, bo = CAST[0].did, CAST[1].did
    enrol(found, ada)
    content = list(frames(4_000, end_ms=now_ms()))
    with (
        played(content, rate_per_s=1_000) as server,
        by_websocket(found, server.url, Mode.AUTHORED) as runner,
    ):
        until(lambda: runner.counts.events > 2)
        enrol(found, bo)
        until(lambda: server.done.is_set() and runner.counts.read == server.sent)
    authors = Counter(msgspec.json.decode(frame)["did"] for frame in content)
    assert authors[ada] < server.sent < authors[ada] + authors[bo]
    assert runner.counts.read == runner.counts.used == server.sent


def test_open_enrols_no_more_than_it_may(found: Settings, tmp_path: Path) -> None:
    path = lines(tmp_path / "frames", list(frames(500, end_ms=now_ms())))
    with bluesky_ingest(found, BlueskyOptions(file=path, mode=Mode.OPEN, open_max=10)) as runner:
        assert runner.run().enrolled == 10
    with following(found) as follower:
        people = follower.registry.people()
    assert len(people) == 10
    assert {person.basis for person in people} == {ConsentBasis.DEMONSTRATION}


def test_two_ingests_of_one_network_do_not_share_a_folder(found: Settings, tmp_path: Path) -> None:
    options = BlueskyOptions(file=lines(tmp_path / "frames", [b"{}"]))
    with (
        bluesky_ingest(found, options),
        pytest.raises(CallerError, match="another ingest of bluesky"),
        bluesky_ingest(found, options),
    ):
        pass


def test_a_cursor_of_another_log_is_dropped(found: Settings) -> None:
    cast(found)
    content = list(frames(300, end_ms=now_ms()))
    with played(content) as server, by_websocket(found, server.url) as runner:
        until(lambda: runner.counts.read == len(content))
    # A cluster that has forgotten everything looks like a new namespace under the old one's cursor.
    fresh = another(found)
    folder = found.data / "ingest" / "bluesky"
    (folder / found.namespace).rename(folder / fresh.namespace)
    cast(fresh)
    with played(content) as server, by_websocket(fresh, server.url) as runner:
        until(lambda: runner.counts.read == len(content))
    assert said(fresh) == said(found)


def run(found: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "PRESENCE_KAFKA": found.kafka,
        "PRESENCE_NAMESPACE": found.namespace,
        "PRESENCE_DATA": str(found.data),
    }
    command = [sys.executable, "-m", "presence.cli.main", "ingest", "bluesky", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_the_command_prints_counts_that_add_up(found: Settings) -> None:
    done = run(found, "--file", str(REAL), "--mode", "open", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    counts = json.loads(done.stdout)
    assert counts["read"] == counts["used"] + sum(counts["skipped"].values()) + counts["dlq"] == 10
    assert counts["dlq_reasons"] == {"unknown_collection": 2}


def test_without_a_broker_it_ends_with_one_line(found: Settings) -> None:
    done = run(replace(found, kafka="127.0.0.1:9"), "--file", str(REAL))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "no Kafka answers at 127.0.0.1:9" in done.stderr


def test_nothing_personal_is_in_the_log(found: Settings) -> None:
    by_file(found, REAL, Mode.OPEN)
    for record in read_to_end(found, found.topics.activity):
        for secret in (b"did:plc", b"at://", did("ada").encode()):
            assert secret not in record.value
            assert secret not in record.key
