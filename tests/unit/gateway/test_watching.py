"""The contract of WatchScores, on a real read model: nothing missed, nothing twice, nothing older, nobody waited for."""

import asyncio
import tempfile
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.events.vocabulary import PersonId
from presence.gateway import resume
from presence.gateway.answers import Seen
from presence.gateway.calls import Call
from presence.gateway.refusals import Refused
from presence.gateway.resume import DeploymentId, Positions, ResumeToken
from presence.gateway.rows import Change, row_of
from presence.gateway.scopes import LOCAL
from presence.gateway.servicer import Limits, ScoreServicer
from presence.gateway.watching import Watchers
from presence.gateway.write_model import WriteModel
from presence.log.revision import Revision, decode, encode
from presence.v1.score_pb2 import Score
from presence.v1.service_pb2 import GetScoreRequest, WatchScoresRequest, WatchScoresResponse

DEPLOYMENT = DeploymentId(b"here4now")
CALL = Call(LOCAL, lambda _caller: None, lambda: None)
SMALL = Limits(watchers_max=3, message_bytes_max=150)


def person(number: int) -> PersonId:
    return PersonId("p_" + "a" * 25 + "abcdefghijklmnopqrstuvwxyz234567"[number])


class Topic:
    """A topic of two partitions that is folded at once; each score counts one event more than the last."""

    def __init__(self, model: WriteModel, limits: Limits) -> None:
        self.model = model
        self.watchers = Watchers(limits.watchers_max, 2)
        self.servicer = ScoreServicer(model, self.watchers, limits)
        self._ends = [0, 0]
        self._revision = 0
        self.compacted: Positions = (0, 0)
        self._changes = 0

    def publish(self, *numbers: int) -> None:
        """Newer scores of these people, as one batch of the fold."""
        self.announce(self.commit(*numbers))

    def commit(self, *numbers: int) -> set[PersonId]:
        """As `publish`, but watchers are not told yet."""
        changes = []
        for number in numbers:
            partition = number % 2
            self._revision += 1
            at = Revision(partition, self._revision)
            score = Score(person=person(number), revision=encode(at))
            row = row_of(partition, self._ends[partition], score, score.SerializeToString())
            changes.append(Change(partition, row.offset, person(number), row))
            self._ends[partition] += 1
        return self.model.apply(changes, positions=self.positions, now_ms=1).changed

    def announce(self, people: Collection[PersonId]) -> None:
        self._changes += len(people)
        self.servicer.moved(Seen(DEPLOYMENT, self.positions, self._changes, self.compacted), people)

    @property
    def positions(self) -> Positions:
        return tuple(self._ends)


class Reader:
    """A client; while `blocked` it takes no further message."""

    def __init__(self, topic: Topic, *people: int, resume_token: str = "") -> None:
        self.messages: list[WatchScoresResponse] = []
        self.room = asyncio.Event()
        self.room.set()
        request = WatchScoresRequest(people=[person(number) for number in people], resume_token=resume_token)
        self.call = asyncio.create_task(topic.servicer.watch_scores(request, CALL, self.take))

    async def take(self, message: bytes) -> None:
        await self.room.wait()
        self.messages.append(WatchScoresResponse.FromString(message))

    def revisions(self) -> list[tuple[str, int]]:
        return [(score.person, decode(score.revision).offset) for m in self.messages for score in m.scores]

    async def leave(self) -> None:
        self.call.cancel()
        await asyncio.wait((self.call,))


@contextmanager
def _topic(limits: Limits = SMALL) -> Iterator[Topic]:
    with tempfile.TemporaryDirectory() as folder, WriteModel(Path(folder)) as model:
        model.begin(DEPLOYMENT, (0, 0))
        topic = Topic(model, limits)
        topic.servicer.moved(Seen(DEPLOYMENT, (0, 0), 0, (0, 0)), ())
        yield topic


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


def story(tell: Callable[[Topic], Coroutine[None, None, None]]) -> Callable[[], None]:
    def test() -> None:
        with _topic() as topic:
            asyncio.run(tell(topic))

    test.__name__ = tell.__name__
    return test


@story
async def test_an_empty_gateway_says_at_once_that_the_client_is_up_to_date(topic: Topic) -> None:
    reader = Reader(topic)
    await settle()
    assert [(list(message.scores), message.caught_up) for message in reader.messages] == [([], True)]
    assert reader.messages[0].resume_token


@story
async def test_the_present_comes_first_in_bounded_messages_then_each_change(topic: Topic) -> None:
    topic.publish(*range(10))
    reader = Reader(topic)
    await settle()
    assert len(reader.messages) > 2
    assert [message.caught_up for message in reader.messages] == [False] * (len(reader.messages) - 1) + [True]
    assert sorted(reader.revisions()) == [(person(number), number + 1) for number in range(10)]
    topic.publish(4)
    await settle()
    assert reader.messages[-1].caught_up
    assert reader.revisions()[-1] == (person(4), 11)


@story
async def test_who_watches_some_hears_of_them_only(topic: Topic) -> None:
    topic.publish(1, 2, 3)
    reader = Reader(topic, 2, 5)
    await settle()
    topic.publish(1, 3)
    topic.publish(5, 1)
    await settle()
    assert reader.revisions() == [(person(2), 2), (person(5), 6)]


@pytest.mark.parametrize("people", [(), (1, 2, 3)])
def test_a_slow_client_gets_the_newest_of_each_person_and_no_more(people: tuple[int, ...]) -> None:
    async def tell(topic: Topic) -> None:
        reader = Reader(topic, *people)
        await settle()
        reader.room.clear()
        for _ in range(500):
            topic.publish(1, 2, 3)
            await asyncio.sleep(0)
        reader.room.set()
        await settle()
        revisions = reader.revisions()
        assert len(revisions) < 10
        assert set(revisions[-3:]) == {(person(1), 1498), (person(2), 1499), (person(3), 1500)}
        assert len(set(revisions)) == len(revisions)

    story(tell)()


@pytest.mark.parametrize("people", [(), (1, 3)])
def test_what_is_committed_but_not_announced_is_sent_once(people: tuple[int, ...]) -> None:
    async def tell(topic: Topic) -> None:
        reader = Reader(topic, *people)
        await settle()
        first = topic.commit(1)
        topic.watchers.publish([person(1), person(3)])
        await settle()
        topic.announce(first)
        await settle()
        assert reader.revisions() == [(person(1), 1)]

    story(tell)()


@story
async def test_a_token_leads_on_from_any_message(topic: Topic) -> None:
    topic.publish(*range(8))
    first = Reader(topic)
    await settle()
    for number, message in enumerate(first.messages):
        had = sum(len(earlier.scores) for earlier in first.messages[: number + 1])
        second = Reader(topic, resume_token=message.resume_token)
        await settle()
        assert second.revisions() == first.revisions()[had:]
        await second.leave()


@story
async def test_watchers_are_bounded_and_leave_nothing_behind(topic: Topic) -> None:
    readers = [Reader(topic), Reader(topic, 1), Reader(topic, 1, 2)]
    await settle()
    with pytest.raises(Refused) as refused:
        await topic.servicer.watch_scores(WatchScoresRequest(), CALL, readers[0].take)
    assert (refused.value.code, refused.value.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_WATCHERS",
    )
    for reader in readers:
        await reader.leave()
    assert len(topic.watchers) == 0
    assert not topic.watchers._of_person  # noqa: SLF001 (nothing public shows a leak)
    assert not topic.watchers._of_everybody  # noqa: SLF001 (nothing public shows a leak)


@story
async def test_a_stop_ends_every_watch_so_that_it_resumes(topic: Topic) -> None:
    readers = [Reader(topic), Reader(topic, 1)]
    await settle()
    topic.watchers.end_all()
    for reader in readers:
        with pytest.raises(Refused) as refused:
            await reader.call
        assert (refused.value.code, refused.value.reason) == (
            grpc.StatusCode.UNAVAILABLE,
            "GATEWAY_STOPPING",
        )
    with pytest.raises(Refused, match="stopping"):
        await topic.servicer.watch_scores(WatchScoresRequest(), CALL, readers[0].take)


@pytest.mark.parametrize(
    "token",
    [
        ResumeToken(DeploymentId(b"elsewher"), (0, 0)),
        ResumeToken(DEPLOYMENT, (0, 0, 0)),
        ResumeToken(DEPLOYMENT, (0, 1)),
    ],
    ids=["other deployment", "other partitions", "newer"],
)
def test_a_token_that_leads_nowhere_is_out_of_range(token: ResumeToken) -> None:
    async def tell(topic: Topic) -> None:
        reader = Reader(topic, resume_token=resume.encode(token))
        with pytest.raises(Refused) as refused:
            await reader.call
        assert (refused.value.code, refused.value.reason) == (
            grpc.StatusCode.OUT_OF_RANGE,
            "RESUME_TOKEN_UNKNOWN",
        )

    story(tell)()


def test_nothing_is_answered_before_the_fold_has_caught_up(tmp_path: Path) -> None:
    with WriteModel(tmp_path) as model:
        model.begin(DEPLOYMENT, (0, 0))
        servicer = ScoreServicer(model, Watchers(1, 1), SMALL)
        with pytest.raises(Refused) as refused:
            asyncio.run(servicer.get_score(GetScoreRequest(person=person(1)), CALL))
        assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.UNAVAILABLE, "CATCHING_UP")


STEP = st.one_of(
    st.lists(st.integers(0, 7), min_size=1, max_size=6),
    st.sampled_from(["read", "block", "unblock", "resume"]),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(STEP, max_size=40), st.sampled_from([(), (1,), (0, 3, 4, 7)]))
def test_whatever_happens_the_client_ends_with_the_newest_and_never_went_back(
    steps: list[list[int] | str], people: tuple[int, ...]
) -> None:
    async def tell(topic: Topic) -> None:
        reader = Reader(topic, *people)
        received: list[tuple[str, int]] = []
        for step in [*steps, "unblock", "read"]:
            match step:
                case "read":
                    await settle()
                case "block":
                    reader.room.clear()
                case "unblock":
                    reader.room.set()
                case "resume":
                    await reader.leave()
                    received += reader.revisions()
                    token = reader.messages[-1].resume_token if reader.messages else ""
                    received = received if token else []
                    reader = Reader(topic, *people, resume_token=token)
                case _:
                    topic.publish(*map(int, step))
        await settle()
        received += reader.revisions()
        await reader.leave()
        newest = topic.model.changes((0, 0), topic.positions, bytes_max=2**20).scores
        scores = WatchScoresResponse.FromString(b"".join(newest)).scores
        expected = {score.person: decode(score.revision).offset for score in scores}
        watched: set[str] = {person(number) for number in people} or set(expected)
        assert dict(received) == {who: offset for who, offset in expected.items() if who in watched}
        for who in watched:
            offsets = [offset for name, offset in received if name == who]
            assert offsets == sorted(set(offsets))

    with _topic() as topic:
        asyncio.run(tell(topic))
