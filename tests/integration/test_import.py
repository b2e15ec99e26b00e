"""Imports into a real log: killed and resumed, before and after live capture, and refused where they must be."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.contract.polling import GOOGLE
from tests.contract.test_google import PLACE, named, review
from tests.exports import linkedin
from tests.exports.repository import Writer, created_by, of_frames
from tests.integration.ingesting import (
    PATIENCE_S,
    Spawn,
    another,
    assert_none_twice,
    by_file,
    counting,
    dead_letters,
    ended,
    enrol,
    following,
    lines,
    logged,
    until,
)

from presence.demo.wire.google import BusinessProfile
from presence.events.vocabulary import Kind, Network, PersonKind
from presence.ingest.bootstrap import BlueskyOptions, bluesky_ingest
from presence.ingest.networks.bluesky import FOLLOW
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

REAL = Path(__file__).parents[1] / "data" / "jetstream_v1.jsonl"
ADA = "did:plc:ada"


def run(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "PRESENCE_KAFKA": settings.kafka,
        "PRESENCE_NAMESPACE": settings.namespace,
        "PRESENCE_DATA": str(settings.data),
    }
    command = [sys.executable, "-m", "presence.cli.main", "import", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S * 2, check=False
    )


def imported(settings: Settings, network: str, path: Path, *arguments: str) -> dict[str, Any]:
    """What the command prints; that it adds up is checked every time."""
    done = run(settings, network, str(path), "--person", person(settings), "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, Any] = json.loads(done.stdout)
    given = result["events"] + result["undo"] + result["gauges"] + result["flags"]
    assert result["read"] == given + sum(result["skipped"].values()) + result["dlq"]
    return result


def enrol_on(settings: Settings, network: str, native: str) -> None:
    with following(settings) as follower:
        enrolment = Enrolment(settings, MasterKey.load(settings), follower)
        enrolment.enrol([NewPerson(PersonKind.PERSON, Network(network), native, ConsentBasis.GRANTED)])
        enrolment.close()


def person(settings: Settings) -> str:
    with following(settings) as follower:
        return follower.registry.people()[0].id


def ids(settings: Settings) -> Counter[int]:
    return Counter(event.id for event in logged(settings))


def test_a_repository_adds_nothing_to_what_was_captured_live_and_the_other_way_round(
    found: Settings,
    tmp_path: Path,
) -> None:
    frames = created_by(ADA, REAL)
    path, car = lines(tmp_path / "frames", frames), tmp_path / "repo.car"
    car.write_bytes(of_frames(ADA, frames))
    enrol(found, ADA)
    assert by_file(found, path).used == 5
    before = ids(found)
    assert imported(found, "bluesky", car)["skipped"] == {"known": 5}
    assert ids(found) == before

    other = another(found)
    enrol(other, ADA)
    assert imported(other, "bluesky", car)["events"] == 5
    before = ids(other)
    assert by_file(other, path).skipped["known"] == 5
    assert ids(other) == before
    assert_none_twice(other)


def many_follows(number: int, path: Path) -> Path:
    writer = Writer()
    records = {
        f"{FOLLOW}/3k{n:09}": {"createdAt": "2026-05-25T14:23:28Z", "subject": f"did:plc:{n}"}
        for n in range(number)
    }
    path.write_bytes(writer.car(writer.repository(ADA, records)))
    return path


def test_kill_9_in_the_middle_of_an_import_and_again(
    found: Settings,
    spawn: Spawn,
    tmp_path: Path,
) -> None:
    car = many_follows(30_000, tmp_path / "repo.car")
    enrol(found, ADA)
    with counting(found) as written:
        for enough in (2_000, 12_000):
            process = spawn(
                "presence.cli.main", found, "import", "bluesky", str(car), "--person", person(found), "--json"
            )
            until(lambda enough=enough: written() >= enough)  # type: ignore[misc] # bound in the loop
            process.kill()
            process.wait()
    result = imported(found, "bluesky", car)
    assert result["read"] == 30_000
    assert 2_000 <= result["skipped"]["imported_before"] < 30_000
    assert result["events"] > 0
    assert len(ids(found)) == 30_000
    assert_none_twice(found)


def test_sigterm_ends_an_import_and_the_next_goes_on(
    found: Settings,
    spawn: Spawn,
    tmp_path: Path,
) -> None:
    car = many_follows(20_000, tmp_path / "repo.car")
    enrol(found, ADA)
    with counting(found) as written:
        process = spawn("presence.cli.main", found, "import", "bluesky", str(car), "--person", person(found))
        until(lambda: written() >= 1_000)
        process.terminate()
        assert ended(process) == 1, "it was not finished, and says so"
    imported(found, "bluesky", car)
    assert len(ids(found)) == 20_000
    assert_none_twice(found)


def test_an_import_beside_the_live_ingest_of_its_network(
    found: Settings,
    tmp_path: Path,
) -> None:
    enrol(found, ADA)
    car = many_follows(100, tmp_path / "repo.car")
    with bluesky_ingest(found, BlueskyOptions(file=lines(tmp_path / "frames", [b"{}"]))):
        assert imported(found, "bluesky", car)["events"] == 100


def test_a_linkedin_export_into_the_log(found: Settings, tmp_path: Path) -> None:
    enrol_on(found, "linkedin", "urn:li:person:ada")
    result = imported(found, "linkedin", linkedin.write(tmp_path / "export"))
    assert {name: result[name] for name in linkedin.COUNTS} == linkedin.COUNTS
    assert len(ids(found)) == sum(result["records"].values())
    ((headers, value),) = dead_letters(found)
    assert headers["reason"] == "time"
    assert json.loads(value)["Type"] == "text"
    before = ids(found)
    again = imported(found, "linkedin", tmp_path / "export")
    assert (again["events"], again["skipped"]) == (0, {"imported_before": linkedin.COUNTS["read"]})
    forced = imported(found, "linkedin", tmp_path / "export", "--again")
    assert (forced["events"], forced["skipped"]["known"]) == (0, linkedin.COUNTS["events"])
    assert ids(found) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bluesky", "REPO", "--person", "p_nobody"], "is no person's id"),
        (["bluesky", "REPO", "--person", "p_" + "a" * 26], "nobody is enrolled"),
        (["bluesky", "REPO"], "--person is missing"),
        (["bluesky", "REPO", "--person", "SOMEBODY"], "presence roster link"),
        (["linkedin", "REPO", "--person", "SOMEBODY"], "has no accounts on LinkedIn"),
        (["bluesky", "/nowhere", "--person", "SOMEBODY"], "No such file"),
        (["bluesky", "REPO", "--person", "SOMEBODY", "--out", "x"], "--out is for --dry-run"),
        (["yelp", "REPO", "--person", "SOMEBODY"], "no export that can be imported"),
        (["nowhere", "REPO", "--person", "SOMEBODY"], "no network that is installed"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(
    found: Settings,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    enrol(found, "did:plc:somebody")
    given = {"REPO": str(many_follows(1, tmp_path / "repo.car")), "SOMEBODY": person(found)}
    done = run(found, *(given.get(each, each) for each in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_kill_9_of_a_poll_loses_no_message_and_adds_nothing_twice(
    found: Settings,
    spawn: Spawn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enrol_on(found, "google", PLACE)
    for name, value in GOOGLE.items():
        monkeypatch.setenv(name, value)
    api = BusinessProfile({})

    def written_by_somebody(number: int) -> None:
        api.reviews[named(number)] = review(number, "FOUR")
        api.notify("NEW_REVIEW", named(number))

    for number in range(19):
        written_by_somebody(number)
    with api, counting(found) as written:
        for enough in (3, 10):
            process = spawn("presence.cli.main", found, "ingest", "poll", "google", "--url", api.url)
            until(lambda enough=enough: written() >= 1 + enough)  # type: ignore[misc] # bound in the loop
            process.kill()
            process.wait()
        process = spawn("presence.cli.main", found, "ingest", "poll", "google", "--url", api.url)
        written_by_somebody(19)  # The last process has something to do, whatever the others have done.
        until(lambda: not api.unacknowledged)
        process.terminate()
        assert ended(process) == 0
    assert_none_twice(found)
    assert [event.kind for event in logged(found)] == [Kind.ACTIVITY] * 20
