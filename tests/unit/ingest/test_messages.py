"""Private messages on X and Facebook: that somebody wrote is an inquiry, live and from an export, and nothing of what they wrote is kept."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from tests.networks.exports import BOB, EVE, FIRST, ME, mojibake, written, x_files, ytd

from presence.events import lines
from presence.events.vocabulary import Direction, Event, Object, Verb
from presence.ingest.acts import Act, Decoded
from presence.ingest.frames import FRAME_BYTES_MAX, Frame
from presence.ingest.importing import ImportOptions, rehearsed
from presence.ingest.networks import facebook, x
from presence.log.clock import now_ms

SECRET = "nobody reads this"


def imported(network: str, path: Path) -> tuple[dict[str, Any], list[Event]]:
    out = StringIO()
    with rehearsed(ImportOptions(network=network, path=path, person="somebody"), out) as one:
        one.runner.run()
        result = one.result()
    assert SECRET not in out.getvalue()
    return result, [lines.parse(line.encode()) for line in out.getvalue().splitlines()]


def in_archive(number: int, sender: str, recipient: str) -> dict[str, Any]:
    return {
        "messageCreate": {
            "recipientId": recipient,
            "reactions": [],
            "urls": [],
            "text": SECRET + ' "messages": [1]',
            "mediaUrls": [],
            "senderId": sender,
            "id": str(FIRST + number),
            "createdAt": "2025-11-16T12:00:00.123Z",
        }
    }


def live_on_x(event: str, payload: dict[str, Any]) -> Decoded:
    data = {"event_type": event, "event_uuid": "1", "filter": {"user_id": ME}, "payload": payload}
    body = json.dumps({"data": data}).encode()
    return x.decode(Frame(body, 1, len(body)), now_ms())


def short(decoded: Decoded) -> list[tuple[str, str, Direction, Verb, Object]]:
    return [
        (each.about, each.by, each.direction, each.verb, each.object)
        for each in decoded.natives
        if isinstance(each, Act)
    ]


def test_an_x_archive_s_messages_however_long_the_conversation(tmp_path: Path) -> None:
    long = [in_archive(number, BOB, ME) for number in range(5_000)]
    assert len(json.dumps(long)) > FRAME_BYTES_MAX, "longer than any frame"
    conversations = [
        {
            "dmConversation": {
                "conversationId": f"{BOB}-{ME}",
                "messages": [*long, in_archive(9_000, ME, BOB)],
            }
        },
        {
            "dmConversation": {
                "conversationId": f"{EVE}-{ME}",
                "messages": [
                    in_archive(9_001, EVE, ME),
                    {"reactionCreate": {"senderId": EVE}},
                    {"messageCreate": {}},
                ],
            }
        },
        {"dmConversation": {"conversationId": "5", "messages": [in_archive(9_002, EVE, "7777")]}},
        {"dmConversation": {"conversationId": "6", "messages": []}},
    ]
    account = {"data/account.js": x_files()["data/account.js"]}
    result, events = imported(
        "x", written(tmp_path, account | {"data/direct-messages.js": ytd("direct_messages", conversations)})
    )
    assert result["events"] == 5_001
    assert result["skipped"] == {"other_file": 1, "sent": 1, "unscored": 1, "group": 1}
    assert result["dlq_reasons"] == {"shape": 1}
    assert {(each.direction, each.verb) for each in events} == {(Direction.TO, Verb.MESSAGE)}
    assert len({each.actor for each in events}) == 2
    assert len({each.id for each in events}) == 5_001


def test_x_tells_live_what_the_archive_tells() -> None:
    number = str(FIRST + 1)
    told = {
        "type": "message_create",
        "id": number,
        "created_timestamp": "1784928224372",
        "message_create": {
            "target": {"recipient_id": ME},
            "sender_id": BOB,
            "message_data": {"text": SECRET},
        },
    }
    live = live_on_x("dm.received", {"direct_message_events": [told], "users": {}})
    assert live.natives == (x.wrote(BOB, ME, number, None, now_ms()),)
    typing = {"direct_message_events": [{"id": number}], "users": {}}
    assert live_on_x("dm.received", typing).skipped == "unscored"
    chat = {
        "id": "e4f4d3fc-8bbf-4928-92eb-e5058d6bb6f6",
        "created_at_msec": "1784841183370",
        "sender_id": BOB,
        "conversation_id": f"{BOB}:{ME}",
    }
    assert short(live_on_x("chat.received", chat)) == [(ME, BOB, Direction.TO, Verb.MESSAGE, Object.PROFILE)]
    assert live_on_x("chat.received", chat | {"conversation_id": "g12"}).skipped == "group"
    assert live_on_x("chat.received", chat | {"sender_id": ME}).skipped == "sent"


def thread(people: list[str], *messages: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "participants": [{"name": mojibake(each)} for each in people],
            "messages": [
                {
                    "timestamp_ms": 1_600_000_000_000 + number,
                    "content": SECRET,
                    "is_geoblocked_for_viewer": False,
                }
                | each
                for number, each in enumerate(messages)
            ],
            "title": "x",
            "is_still_participant": True,
            "thread_path": "inbox/x",
        }
    ).encode()


@pytest.mark.parametrize("top", ["", "your_facebook_activity/"])
def test_a_facebook_export_s_conversations(tmp_path: Path, top: str) -> None:
    zoe, me = {"sender_name": mojibake("Zoë")}, {"sender_name": mojibake("Åse Løye")}
    profile = {"profile_v2": {"name": {"full_name": mojibake("Åse Løye"), "first_name": mojibake("Åse")}}}
    own = ["Zoë", "Åse Løye"]
    files = {
        "personal_information/profile_information/profile_information.json": json.dumps(profile).encode(),
        f"{top}messages/inbox/zoe_1/message_1.json": thread(
            own, zoe, me, zoe | {"call_duration": 60}, {"sender_name": ""}
        ),
        f"{top}messages/inbox/choir_2/message_1.json": thread([*own, "Bo"], zoe, me),
        f"{top}messages/message_requests/bo_3/message_1.json": thread(
            ["Bo", own[1]],
            {"sender_name": "Bo"},
            {"sender_name": "Bo", "is_unsent": True},
            {"timestamp_ms": "when?"},
        ),
        f"{top}messages/filtered_threads/spam_4/message_1.json": thread(["S", own[1]], {"sender_name": "S"}),
        f"{top}messages/inbox/zoe_1/photos/1.jpg": b"\xff",
    }
    result, events = imported("facebook", written(tmp_path, files))
    assert result["skipped"] == {
        "sent": 1,
        "no_actor": 1,
        "group": 2,
        "unsent": 1,
        "spam": 1,
        "other_file": 2,
    }
    assert result["dlq_reasons"] == {"shape": 1}
    assert sorted((each.verb.name, each.object.name) for each in events) == [
        ("CALL", "PROFILE"),
        ("MESSAGE", "PROFILE"),
        ("MESSAGE", "PROFILE"),
    ]
    assert len({each.actor for each in events}) == 2


def test_without_the_member_s_name_nobody_knows_whose_a_message_is(tmp_path: Path) -> None:
    files = {"messages/inbox/zoe_1/message_1.json": thread(["Zoë", "Åse"], {"sender_name": "Zoë"})}
    assert imported("facebook", written(tmp_path, files))[0]["skipped"] == {"unknown_direction": 1}


def in_messenger(box: str = "messaging", **event: Any) -> Decoded:
    plain = {"sender": {"id": "7"}, "recipient": {"id": "100"}, "timestamp": 1_795_000_000_123}
    body = {"object": "page", "entry": [{"id": "100", "time": 1_795_000_000_999, box: [plain | event]}]}
    (letter,) = facebook.letters(json.dumps(body).encode())
    return facebook.decode(Frame(letter.data, 1, len(letter.data), letter.kind), 1_796_000_000_000)


@pytest.mark.parametrize("box", ["messaging", "standby"])
def test_who_writes_to_a_page_gets_in_touch(box: str) -> None:
    decoded = in_messenger(box, message={"mid": "m_1", "text": SECRET})
    assert short(decoded) == [("100", "7", Direction.TO, Verb.MESSAGE, Object.PAGE)]
    (act,) = decoded.natives
    assert isinstance(act, Act)
    assert (act.record, act.occurred_ms, act.text) == ("message/m_1", 1_795_000_000_123, "")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"message": {"mid": "m_1", "is_echo": True}}, "sent"),
        ({"sender": {"id": "100"}, "message": {"mid": "m_1"}}, "sent"),
        ({"sender": None, "message": {"mid": "m_1"}}, "no_actor"),
        ({"read": {"watermark": 1}}, "unscored"),
        ({"postback": {"payload": "x"}}, "unscored"),
    ],
)
def test_what_else_happens_in_messenger_is_no_inquiry(event: dict[str, Any], reason: str) -> None:
    assert in_messenger(**event).skipped == reason
