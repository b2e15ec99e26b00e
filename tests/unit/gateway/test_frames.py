"""Scores in memory: bounded, the last asked for stay, and what has changed goes."""

import random

from presence.gateway.frames import Frames


def test_what_is_dropped_is_not_found_again() -> None:
    frames = Frames()
    frames.put(b"a", b"1")
    frames.put(b"b", b"2")
    frames.drop([b"a", b"never there"])
    assert (frames.get(b"a"), frames.get(b"b")) == (None, b"2")
    frames.clear()
    assert frames.get(b"b") is None


def test_it_is_bounded_keeps_who_is_asked_for_and_never_answers_with_another_score() -> None:
    frames = Frames(bytes_max=200_000)
    chance = random.Random(7)
    newest: dict[bytes, bytes] = {}
    for round_ in range(20_000):
        person = b"p%d" % chance.randrange(2_000)
        if chance.random() < 0.3:
            newest[person] = b"%d" % round_ * 10
            frames.drop([person])
        found = frames.get(person)
        assert found in {None, newest.get(person)}
        if found is None and person in newest:
            frames.put(person, newest[person])
        frames.put(b"hot", b"!")
        assert frames.get(b"hot") == b"!"
        assert len(frames._young) + len(frames._old) < 1_100  # noqa: SLF001 (what it holds is what is bounded)
