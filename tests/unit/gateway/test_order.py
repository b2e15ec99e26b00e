"""Lists and ranks of the read model against a plain sort of the same people."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.events.vocabulary import PersonId
from presence.gateway import order
from presence.gateway.order import MalformedPageToken, Order, Place
from presence.gateway.resume import DeploymentId
from presence.gateway.rows import COLUMNS, KINDS, Change, row_of
from presence.gateway.write_model import WriteModel
from presence.log.revision import Revision, encode
from presence.v1.event_pb2 import PersonKind
from presence.v1.score_pb2 import Pillars, Score
from presence.v1.service_pb2 import BatchGetScoresResponse

ALL = 2**20
DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


def person(number: int) -> PersonId:
    return PersonId("p_" + "a" * 24 + DIGITS[number // 32] + DIGITS[number % 32])


def change(number: int, offset: int, kind: int, presence: int, voice: int) -> Change:
    at = Revision(0, offset)
    score = Score(
        person=person(number),
        kind=PersonKind.ValueType(kind),
        presence_millipoints=presence,
        pillars=Pillars(voice=voice),
        revision=encode(at),
    )
    return Change(0, offset, person(number), row_of(0, offset, score, score.SerializeToString()))


@contextmanager
def _model() -> Iterator[WriteModel]:
    with tempfile.TemporaryDirectory() as folder, WriteModel(Path(folder)) as model:
        model.begin(DeploymentId(b"here4now"), (0,))
        yield model


def people_of(framed: list[bytes]) -> list[str]:
    return [score.person for score in BatchGetScoresResponse.FromString(b"".join(framed)).scores]


def listed(model: WriteModel, wanted: Order, *, rows_max: int) -> list[str]:
    """Everybody of the list, page by page."""
    found: list[str] = []
    after: Place | None = None
    while True:
        page = model.page(wanted, after, rows_max=rows_max, bytes_max=ALL)
        found += people_of(page.scores)
        assert len(page.scores) <= rows_max
        if page.last is None:
            assert page.total == len(found)
            return found
        after = order.decode(order.encode(wanted, page.last), wanted)


FIGURE = st.sampled_from([0, 1, 63, 64, 4095, 4096, 50_000, 99_999, 100_000])
STEP = st.tuples(st.integers(0, 12), st.sampled_from([0, 1, 2, None]), FIGURE, FIGURE)


def _applied(
    model: WriteModel, batches: list[list[tuple[int, int | None, int, int]]], before_arranged: int
) -> dict[str, tuple[int, int, int]]:
    """Kind, presence and voice of everybody, once `model` holds them: some read before it is arranged, the rest after it."""
    people: dict[str, tuple[int, int, int]] = {}
    erased: set[str] = set()
    offset = 0
    for number_of_batch, batch in enumerate(batches):
        if number_of_batch == before_arranged:
            model.arrange()
        changes = []
        for number, kind, presence, voice in batch:
            if kind is None:
                changes.append(Change(0, offset, person(number), None))
                people.pop(person(number), None)
                erased.add(person(number))
            else:
                changes.append(change(number, offset, kind, presence, voice))
                if person(number) not in erased:  # Nobody comes back.
                    people[person(number)] = (kind, presence, voice)
            offset += 1
        model.apply(changes, positions=(offset,), now_ms=1)
    model.arrange()
    return people


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(STEP, max_size=8), max_size=8), st.integers(1, 5), st.integers(0, 8))
def test_lists_and_ranks_are_those_of_a_plain_sort(
    batches: list[list[tuple[int, int | None, int, int]]], rows_max: int, before_arranged: int
) -> None:
    with _model() as model:
        people = _applied(model, batches, before_arranged)
        for kinds in (KINDS, (1,), (2,)):
            of_kind = [name for name in people if people[name][0] in kinds]
            for column, figure in (("presence", 1), ("voice", 2)):
                for descending in (False, True):
                    wanted = Order(kinds, COLUMNS.index(column), descending)
                    plain = sorted(of_kind, key=lambda name: (people[name][figure], name), reverse=descending)
                    assert listed(model, wanted, rows_max=rows_max) == plain
        for name, (kind, presence, _) in people.items():
            ranked = model.rank(PersonId(name))
            assert ranked is not None
            for standing, others in (
                (ranked.among_all, list(people.values())),
                (ranked.within_kind, [other for other in people.values() if other[0] == kind]),
            ):
                assert standing.above == sum(other[1] > presence for other in others)
                assert standing.equal == sum(other[1] == presence for other in others)
                assert standing.total == len(others)
        assert model.rank(person(13)) is None


def test_a_page_holds_as_many_bytes_as_it_may_and_one_score_at_least() -> None:
    with _model() as model:
        model.apply([change(number, number, 1, number, 0) for number in range(5)], positions=(5,), now_ms=1)
        model.arrange()
        wanted = Order(KINDS, 0, descending=True)
        page = model.page(wanted, None, rows_max=10, bytes_max=1)
        assert people_of(page.scores) == [person(4)]
        assert page.last == Place(4, person(4).encode())


@pytest.mark.parametrize("token", ["", "?", "AAAA", "é", "A" * 50])
def test_a_page_token_that_nobody_gave_out_is_malformed(token: str) -> None:
    with pytest.raises(MalformedPageToken):
        order.decode(token, Order((1,), 0, descending=True))


def test_a_page_token_of_another_list_is_malformed() -> None:
    given_out = order.encode(Order((1,), 0, descending=True), Place(7, b"p" * 28))
    for other in (Order((2,), 0, True), Order(KINDS, 0, True), Order((1,), 1, True), Order((1,), 0, False)):
        with pytest.raises(MalformedPageToken):
            order.decode(given_out, other)
