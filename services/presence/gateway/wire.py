"""Answers put together from scores that stay serialised: protobuf fields are framed here, never parsed.

A message is the concatenation of its fields, in any order, so that a stored Score needs only its tag and
length in front: they are stored with it, and an answer of many scores is their bytes one after the other. Source: protobuf's encoding guide, "length-delimited records".
"""

from collections.abc import Iterable

from presence.v1.service_pb2 import (
    BatchGetScoresResponse,
    DailyClosing,
    GetHistoryResponse,
    ListScoresResponse,
    WatchScoresResponse,
)

_SCORES_TAG = b"\x0a"
"""Field 1, length-delimited: `scores` in each of these answers, `closings` in the history (a test holds them together)."""
_SCORE_TAG = b"\x12"
"""Field 2, length-delimited: `score` of a DailyClosing."""


def framed(score: bytes) -> bytes:
    """A serialised message as field 1 of a repeated one."""
    return _SCORES_TAG + _varint(len(score)) + score


def batch_response(scores: Iterable[bytes], not_found: Iterable[str]) -> bytes:
    """A serialised BatchGetScoresResponse. Here as below, scores are framed."""
    return b"".join(scores) + BatchGetScoresResponse(not_found=not_found).SerializeToString()


def list_response(scores: Iterable[bytes], *, next_page_token: str, total_size: int) -> bytes:
    """A serialised ListScoresResponse."""
    rest = ListScoresResponse(next_page_token=next_page_token, total_size=total_size)
    return b"".join(scores) + rest.SerializeToString()


def watch_response(
    scores: Iterable[bytes],
    *,
    resume_token: str,
    caught_up: bool,
    erased: Iterable[str] = (),
    conflated: int = 0,
) -> bytes:
    """A serialised WatchScoresResponse."""
    rest = WatchScoresResponse(
        resume_token=resume_token, caught_up=caught_up, erased=erased, conflated=conflated
    )
    return b"".join(scores) + rest.SerializeToString()


def history_response(days: Iterable[tuple[str, bytes]], *, next_page_token: str) -> bytes:
    """A serialised GetHistoryResponse, of days and serialised Scores that are not framed."""
    rows = [
        framed(DailyClosing(day=day).SerializeToString() + _SCORE_TAG + _varint(len(score)) + score)
        for day, score in days
    ]
    return b"".join(rows) + GetHistoryResponse(next_page_token=next_page_token).SerializeToString()


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
