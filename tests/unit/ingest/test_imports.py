"""Each network's export in its real layout: all of it is read, everything is counted, and by the right words."""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.exports import google, linkedin
from tests.exports.repository import Writer, cid_of, created_by, of_frames

from presence.events import lines
from presence.events.errors import CallerError
from presence.events.vocabulary import Direction, Event, Gauge, Kind, TimeQuality, Verb
from presence.ingest.importing import ImportOptions, rehearsed
from presence.ingest.networks import bluesky
from presence.ingest.networks.linkedin_export import kind_of

REAL = Path(__file__).parents[2] / "data" / "jetstream_v1.jsonl"
DID = "did:plc:mcc5yghbk7tixqryac2yxku7"
NOW_MS = 1_795_000_000_000


def imported(network: str, path: Path, account: str = "") -> tuple[dict[str, Any], list[Event]]:
    """What an import counts and writes; that it adds up is checked every time."""
    out = io.StringIO()
    with rehearsed(ImportOptions(network=network, path=path, person="ada", account=account), out) as one:
        one.runner.run()
        result = one.result()
    events = list(lines.read(line.encode() for line in out.getvalue().splitlines()))
    given = result["events"] + result["undo"] + result["gauges"] + result["flags"]
    assert result["read"] == given + sum(result["skipped"].values()) + result["dlq"]
    assert sum(result["dlq_reasons"].values()) == result["dlq"]
    assert sum(result["records"].values()) == len(events)
    return result, events


def counted(result: dict[str, Any]) -> dict[str, Any]:
    return {name: result[name] for name in ("read", "events", "undo", "gauges", "skipped", "dlq")}


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                archive.write(each, f"Export/{each.relative_to(folder)}")
    return path


def said(events: list[Event]) -> Counter[str]:
    return Counter(
        f"{event.direction.name} {event.verb.name}" for event in events if event.kind == Kind.ACTIVITY
    )


@pytest.mark.parametrize(("network", "layout"), [("linkedin", linkedin), ("google", google)])
def test_an_export_is_counted_exactly_as_a_folder_and_as_a_zip(
    network: str, layout: Any, tmp_path: Path
) -> None:
    folder = layout.write(tmp_path / "export")
    result, events = imported(network, folder)
    assert counted(result) == layout.COUNTS
    again, same = imported(network, zipped(folder))
    assert counted(again) == layout.COUNTS
    assert {event.id for event in same} == {event.id for event in events}


def test_what_a_linkedin_export_says(tmp_path: Path) -> None:
    _, events = imported("linkedin", linkedin.write(tmp_path / "export"))
    assert said(events) == {
        "BY CREATE": 5,
        "BY LIKE": 1,
        "BY ANNOUNCE": 1,
        "BY FOLLOW": 2,
        "BY INVITE": 1,
        "TO INVITE": 1,
        "TO ACCEPT": 2,
        "TO ENDORSE": 1,
        "TO RECOMMEND": 2,
        "TO MESSAGE": 1,
    }
    (gauge,) = (event for event in events if event.kind == Kind.GAUGE)
    assert (gauge.gauge, gauge.value) == (Gauge.CONNECTIONS, 3)
    posts = {event.occurred_ms for event in events if event.verb == Verb.CREATE}
    assert int(linkedin.POST) >> 22 in posts
    connected = [event for event in events if event.verb == Verb.ACCEPT]
    assert {event.time_quality for event in connected} == {TimeQuality.DAY}
    assert len({event.actor for event in events if event.direction == Direction.TO}) == 6


@pytest.mark.parametrize(
    ("base", "kind"),
    [
        ("Shares.csv", "shares"),
        ("Shares_17529409.csv", "shares"),
        ("Shares (1).csv", "shares"),
        ("Company Follows.csv", "company_follows"),
        ("Endorsement_Received_Info_123 (2).csv", "endorsement_received_info"),
        ("1" * 200 + "x.csv", "1" * 200 + "x"),
        ("123.csv", "123"),
    ],
)
def test_a_file_of_linkedin_is_known_with_numbers_behind_its_name(base: str, kind: str) -> None:
    assert kind_of(base) == kind


def test_older_linkedin_exports_have_fewer_columns(tmp_path: Path) -> None:
    files = {
        "Connections.csv": "First Name,Last Name,Email Address,Company,Position,Connected On\nAda,L,a@b.c,X,Y,04 Jan 2020\n",
        "Invitations.csv": 'From,To,Sent At,Message,Direction\nMe,Ada,"9/5/19, 1:12 AM",,OUTGOING\n',
        "Endorsement_Received_Info.csv": (
            "Endorsement Date,Skill Name,Endorser First Name,Endorser Last Name,Endorsement Status\n"
            "2021/09/01 12:41:31 UTC,Databases,Casey,N,ACCEPTED\n"
        ),
        "messages.csv": (
            "CONVERSATION ID,CONVERSATION TITLE,FROM,SENDER PROFILE URL,TO,DATE,SUBJECT,CONTENT,FOLDER\n"
            "c1,,Ada L,https://www.linkedin.com/in/ada,Me Myself,2020-01-01 09:00:00 UTC,,hi,INBOX\n"
        ),
        "Profile.csv": "First Name,Last Name\nMe,Myself\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    result, events = imported("linkedin", tmp_path)
    assert counted(result) | {"read": 5, "events": 4, "dlq": 0} == counted(result)
    assert said(events) == {"TO ACCEPT": 1, "BY INVITE": 1, "TO ENDORSE": 1, "TO MESSAGE": 1}


def test_what_google_takeouts_say(tmp_path: Path) -> None:
    result, events = imported("google", google.write(tmp_path / "export"))
    received = [event for event in events if event.direction == Direction.TO]
    written = [event for event in events if event.direction == Direction.BY]
    assert sorted(event.rating for event in received) == [2000, 4000, 4000, 5000]
    assert sorted(event.rating for event in written) == [2000, 5000]
    # The one that the other account has in a newer version stands in place of the older.
    (undo,) = (event for event in events if event.kind == Kind.UNDO)
    (old,) = (event for event in received if event.id == undo.ref_id)
    assert old.rating == 2000
    assert result["dlq_reasons"] == {"rating": 1, "shape": 1}


def test_a_takeout_for_one_location_has_that_location_only(tmp_path: Path) -> None:
    folder = google.write(tmp_path / "export")
    result, _ = imported("google", folder, account="locations/2001")
    assert (result["events"], result["skipped"]["of_a_person"]) == (4, 4)
    elsewhere, events = imported("google", folder, account="locations/9")
    assert (elsewhere["events"], elsewhere["skipped"]["not_enrolled"], events) == (0, 5, [])


def test_a_record_of_a_repository_is_the_act_that_jetstream_told(tmp_path: Path) -> None:
    frames = created_by(DID, REAL)
    (path := tmp_path / "repo.car").write_bytes(of_frames(DID, frames))
    result, events = imported("bluesky", path)
    assert counted(result) == {"read": 5, "events": 5, "undo": 0, "gauges": 0, "skipped": {}, "dlq": 0}
    with rehearsed(ImportOptions(network="bluesky", path=path, person="ada"), None) as one:
        addressing = one.runner.addressing
        live = [
            event
            for frame in frames
            for event in addressing.events(bluesky.decode(frame, NOW_MS).natives, NOW_MS)
        ]
    assert {event.id for event in events} == {event.id for event in live}
    told = {(event.id, event.verb, event.object, event.in_reply_to_other, event.value) for event in live}
    assert {
        (event.id, event.verb, event.object, event.in_reply_to_other, event.value) for event in events
    } == told
    # Of a profile a repository tells only when it was last written to at all.
    times = {
        event.id: event.occurred_ms
        for event in live
        if event.verb != Verb.UPDATE and event.kind == Kind.ACTIVITY
    }
    assert times.items() <= {event.id: event.occurred_ms for event in events}.items()


def likes(number: int) -> dict[str, Any]:
    subject = {
        "uri": "at://did:plc:vfnmgxg2yscfliemmcxzyfyh/app.bsky.feed.post/3mmoodizfwc2j",
        "cid": "bafyreia",
    }
    record = {"$type": bluesky.LIKE, "createdAt": "2026-05-25T14:23:28.778Z", "subject": subject}
    return {f"{bluesky.LIKE}/3k{n:09}aa": record | {"n": n} for n in range(number)}


@pytest.mark.parametrize("order", [sorted, lambda cids: sorted(cids, reverse=True), list])
def test_a_repository_in_any_order_of_blocks(order: Callable[[Any], list[bytes]], tmp_path: Path) -> None:
    writer = Writer()
    root = writer.repository(DID, likes(300) | {"app.bsky.graph.block/3k": {}, "com.example.other/3k": {}})
    (path := tmp_path / "repo.car").write_bytes(writer.car(root, order(writer.blocks)))
    result, events = imported("bluesky", path)
    assert counted(result) == {
        "read": 302,
        "events": 300,
        "undo": 0,
        "gauges": 0,
        "skipped": {"unscored": 1, "unknown_collection": 1},
        "dlq": 0,
    }
    assert len({event.id for event in events}) == 300


def test_what_is_missing_or_damaged_in_a_repository_is_named(tmp_path: Path) -> None:
    writer = Writer()
    records = likes(200)
    root = writer.repository(DID, records)
    first, second, third = (writer.add(record) for record in list(records.values())[:3])
    # The tree before its records, as most servers write it.
    order = [root, *(each for each in reversed(writer.blocks) if each not in {first, root})]
    car = writer.car(root, order)
    damaged = writer.blocks[second]
    car = car.replace(damaged, damaged[:-1] + b"\x00")
    (path := tmp_path / "repo.car").write_bytes(car)
    result, _ = imported("bluesky", path)
    assert (result["read"], result["events"]) == (200, 198)
    assert result["dlq_reasons"] == {"missing_block": 1, "damaged_block": 1}
    assert third != second
    # Torn in the middle: what was in the rest is missing, each once.
    path.write_bytes(car[: len(car) // 2])
    torn, _ = imported("bluesky", path)
    assert 0 < torn["events"] < 198
    assert torn["dlq"] > 0


def test_a_tree_that_is_no_tree_ends(tmp_path: Path) -> None:
    writer = Writer()
    deep = writer.add({"e": [], "l": None})
    for _ in range(200):
        deep = writer.add({"e": [], "l": deep})
    root = writer.commit(DID, deep)
    (path := tmp_path / "repo.car").write_bytes(writer.car(root))
    assert imported("bluesky", path)[0]["dlq_reasons"] == {"depth": 1}
    other = Writer()
    root = other.commit(DID, cid_of(b"nowhere"))
    path.write_bytes(other.car(root))
    assert imported("bluesky", path)[0]["dlq_reasons"] == {"missing_block": 1}
    other = Writer()
    path.write_bytes(other.car(other.commit(DID, other.add("no node"))))
    assert imported("bluesky", path)[0]["dlq_reasons"] == {"node": 1}


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 100, b"{}", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_repository_is_said_in_one_line(content: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "repo.car").write_bytes(content)
    with pytest.raises(CallerError):
        imported("bluesky", path)


GLASSDOOR = (
    "firm,date_review,job_title,current,location,overall_rating,work_life_balance,headline,pros,cons\n"
    'Acme,2021-04-05,Engineer,Current Employee,,4.0,3.0,"Good, mostly","They said ""yes""\nand meant it",None\n'
    "Acme,2021-04-06,Clerk,Former Employee,Leeds,1,1.0,Bad,a,b\n"
    "Acme,2021-04-06,Clerk,Former Employee,Leeds,1,1.0,Bad,a,b\n"
    "Acme,2021-04-07,Clerk,Former Employee,Leeds,-1,,No stars,a,b\n"
    "Acme,not a day,Clerk,Former Employee,Leeds,3,,x,a,b\n"
    "Acme,2021-04-08,Clerk,Former Employee,Leeds,9,,x,a,b\n"
)


def test_a_glassdoor_csv(tmp_path: Path) -> None:
    (path := tmp_path / "reviews.csv").write_text(GLASSDOOR)
    result, events = imported("glassdoor", path, account="1234")
    assert counted(result) == {
        "read": 6,
        "events": 2,
        "undo": 0,
        "gauges": 0,
        "skipped": {"known": 1, "no_rating": 1},
        "dlq": 2,
    }
    assert result["dlq_reasons"] == {"time": 1, "rating": 1}
    assert [event.rating for event in events] == [4000, 1000]
    assert {event.time_quality for event in events} == {TimeQuality.DAY}


@pytest.mark.parametrize(
    "text",
    [
        "Review ID;Review Date;Overall Rating\nr1;05.04.2021;4,5\n",
        '\ufeffReport of Acme\n\nReview ID,Date,Rating\nr1,"Apr 5, 2021",4.5 out of 5\n',
        "Reviews of Acme, Inc., by day\nReview ID;Review Date;Overall Rating\nr1;2021-04-05;4,5\n",
        "review_url\treviewDateTime\tratingOverall\nr1\t2021-04-05T10:11:12.123Z\t4.5\n",
        'id,dates,overall-ratings\nr1," Apr 5, 2021",4.5\n',
        "Link,Date,Overall Rating\nr1,Mon Apr 05 2021 10:00:00 GMT+0000 (Coordinated Universal Time),4.5\n",
    ],
)
def test_the_columns_of_a_glassdoor_csv_have_many_names(text: str, tmp_path: Path) -> None:
    (path := tmp_path / "reviews.csv").write_text(text)
    result, (event,) = imported("glassdoor", path)
    assert result["read"] == 1
    assert (event.rating, event.occurred_ms) == (4500, 1_617_580_800_000)


def test_an_edited_review_stands_in_place_of_the_old_one(tmp_path: Path) -> None:
    text = "Review ID,Review Date,Overall Rating\nr1,2021-04-05,4\nr1,2022-04-05,2\nr1,2021-04-05,4\n"
    (path := tmp_path / "reviews.csv").write_text(text)
    result, (old, undo, new) = imported("glassdoor", path)
    assert counted(result) == {
        "read": 3,
        "events": 2,
        "undo": 0,
        "gauges": 0,
        "skipped": {"superseded": 1},
        "dlq": 0,
    }
    assert (old.rating, new.rating) == (4000, 2000)
    assert (undo.kind, undo.ref_id, undo.ref_occurred_ms) == (Kind.UNDO, old.id, old.occurred_ms)
    assert old.id != new.id


def test_the_worked_example_of_the_page_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "networks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    space: dict[str, Any] = {"__name__": "applause"}
    exec(compile(code, "docs/networks.md", "exec"), space)
    network = space["NETWORK"]
    claps = [{"id": "c1", "from": "u2", "at": 1_780_000_000_000}, {"id": "c2"}]
    (path := tmp_path / "claps.json").write_text(json.dumps({"member": "u1", "claps": claps}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("presence.ingest.importing.known", lambda _: network)
        result, events = imported("applause", path)
    assert counted(result) == {"read": 2, "events": 1, "undo": 0, "gauges": 0, "skipped": {}, "dlq": 1}
    assert said(events) == {"TO LIKE": 1}
    assert network.importer is not None
    boastful = replace(
        network, importer=replace(network.importer, declared=lambda _: {"claps.json/claps": 3})
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("presence.ingest.importing.known", lambda _: boastful)
        result, _ = imported("applause", path)
    assert result["declared"] == {"claps.json/claps": {"says": 3, "read": 2}}
