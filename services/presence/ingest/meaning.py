"""A row of a network's table: from a native type to the words of the log."""

from typing import NamedTuple

from presence.events.vocabulary import Direction, Object, Verb

BY, TO = Direction.BY, Direction.TO


class Meaning(NamedTuple):
    """Who is concerned, what was done, with what, and where the network says so."""

    direction: Direction
    verb: Verb
    object: Object
    reference: str
