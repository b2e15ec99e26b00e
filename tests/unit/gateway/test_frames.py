"""Scores in memory: bounded, the last asked for stay, and what has changed goes."""

import random

from presence.events.vocabulary import PersonId
from presence.gateway.frames import Frames

A, B, HOT = map(PersonId, ("a", "b", "hot"))


def test_what_is_dropped_is_not_found_again() -> None:
    frames = Frames()
    frames.put(A, b"1")
    frames.put(B, b"2")
    frames.drop([A, PersonId("never there")])
    assert (frames.get(A), frames.get(B)) == (None, b"2")
    assert frames.of([B, A, B]) == [b"2", None, b"2"]
    frames.clear()
    assert frames.get(B) is None


def test_it_is_bounded_keeps_who_is_asked_for_and_never_answers_with_another_score() -> None:
    frames = Frames(bytes_max=200_000)
    chance = random.Random(7)
    newest: dict[PersonId, bytes] = {}
    for round_ in range(20_000):
        person = PersonId(f"p{chance.randrange(2_000)}")
        if chance.random() < 0.3:
            newest[person] = b"%d" % round_ * 10
            frames.drop([person])
        found = frames.get(person)
        assert found in {None, newest.get(person)}
        assert frames.of([HOT, person]) == [frames.get(HOT), found]
        if found is None and person in newest:
            frames.put(person, newest[person])
        frames.put(HOT, b"!")
        assert frames.get(HOT) == b"!"
        assert len(frames._young) + len(frames._old) < 1_100  # noqa: SLF001 (what it holds is what is bounded)
