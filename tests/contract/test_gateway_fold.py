"""What the gateway makes of its topic in odd times: transactions that end badly, another topic, a long absence."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from kafka import KafkaAdminClient

from presence.gateway.fold import ABSENCE_MS_MAX
from presence.gateway.write_model import WriteModel
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics, producer
from presence.log.revision import Revision, encode
from presence.log.settings import Settings
from presence.v1.score_pb2 import Score
from presence.v1.service_pb2 import BatchGetScoresRequest, WatchScoresRequest

Person = Callable[[int], str]
NewGateway = Callable[[Settings], Any]
TIMEOUT_S = 30.0


def presence_of(gateway: Any, person: str) -> int | None:
    answer = gateway.scores.BatchGetScores(BatchGetScoresRequest(people=[person]), timeout=TIMEOUT_S)
    return answer.scores[0].presence_millipoints if answer.scores else None


def is_in(home: Path, what: bytes) -> bool:
    try:
        return any(what in file.read_bytes() for file in home.rglob("data.mdb"))
    except FileNotFoundError:
        return True  # Renewed while we looked: look again.


def restarted(gateway: Any) -> Any:
    gateway.kill()
    gateway.start()
    gateway.wait_until_serving()
    return gateway


def test_an_aborted_transaction_is_never_seen_nor_waited_for(
    settings: Settings, new_gateway: NewGateway, person: Person
) -> None:
    ensure_topics(settings)
    writer = producer(settings, transactional_id=settings.namespace)
    writer.init_transactions()

    def write(presence: int, *, commit: bool) -> None:
        writer.begin_transaction()
        score = Score(person=person(1), presence_millipoints=presence, revision=encode(Revision(0, presence)))
        writer.send(settings.topics.scores, key=person(1).encode(), value=score.SerializeToString())
        writer.flush()
        if commit:
            writer.commit_transaction()
        else:
            writer.abort_transaction()

    write(1, commit=True)
    write(2, commit=False)
    gateway = new_gateway(settings)
    gateway.wait_until_serving()
    assert presence_of(gateway, person(1)) == 1
    watch = gateway.scores.WatchScores(WatchScoresRequest(), timeout=TIMEOUT_S)
    seen = [score.presence_millipoints for score in next(watch).scores]
    write(3, commit=False)
    write(4, commit=True)
    while 4 not in seen:
        seen += [score.presence_millipoints for score in next(watch).scores]
    assert seen == [1, 4]
    writer.close()
    assert presence_of(restarted(gateway), person(1)) == 4


def test_a_topic_made_anew_is_another_deployment(gateway: Any, scores: Any, person: Person) -> None:
    scores.publish([1, 2], presence=5)
    watch = gateway.scores.WatchScores(WatchScoresRequest(), timeout=TIMEOUT_S)
    told: list[str] = []
    while len(told) < 2:
        message = next(watch)
        told += [score.person for score in message.scores]
    gateway.kill()
    admin = KafkaAdminClient(**scores.settings.kafka_options())
    admin.delete_topics([scores.settings.topics.scores])
    while scores.settings.topics.scores in admin.list_topics():
        time.sleep(0.02)  # Until then a score would go to the old one.
    admin.close()
    ensure_topics(scores.settings)
    writer = producer(scores.settings)
    score = Score(person=person(2), presence_millipoints=6, revision=encode(Revision(0, 1)))
    sent = writer.send(scores.settings.topics.scores, key=person(2).encode(), value=score.SerializeToString())
    writer.close()
    assert sent.get().offset == 0
    gateway.start()
    gateway.wait_until_serving()
    assert gateway.logged("read_model_begun")["reason"] == "other deployment"
    assert (presence_of(gateway, person(1)), presence_of(gateway, person(2))) == (None, 6)
    old = gateway.scores.WatchScores(WatchScoresRequest(resume_token=message.resume_token), timeout=TIMEOUT_S)
    with pytest.raises(grpc.RpcError) as error:
        next(old)
    assert error.value.code() == grpc.StatusCode.OUT_OF_RANGE


def test_a_stream_that_never_rests_is_caught_up_with(gateway: Any, scores: Any) -> None:
    stopping = threading.Event()

    def stream() -> None:
        while not stopping.wait(0.02):
            scores.publish([1])

    publishing = threading.Thread(target=stream)
    publishing.start()
    try:
        restarted(gateway)
    finally:
        stopping.set()
        publishing.join()


@pytest.mark.parametrize(("away_ms", "begun"), [(0, False), (ABSENCE_MS_MAX + 1, True)])
def test_after_a_long_absence_it_reads_everything_again(
    gateway: Any, scores: Any, person: Person, away_ms: int, begun: bool
) -> None:
    scores.publish([1], presence=5)
    next(gateway.scores.WatchScores(WatchScoresRequest(people=[person(1)]), timeout=TIMEOUT_S))
    gateway.kill()
    folder = gateway.settings.data / "gateway" / gateway.settings.namespace
    with WriteModel(folder) as model:
        model.touch(now_ms() - away_ms)
    gateway.start()
    gateway.wait_until_serving()
    assert presence_of(gateway, person(1)) == 5
    assert ("away for too long" in gateway.log_path.read_text()) == begun


def test_who_was_erased_is_soon_in_no_byte_of_the_read_model_while_it_serves(
    gateway: Any, scores: Any, person: Person
) -> None:
    home = gateway.settings.data / "gateway" / gateway.settings.namespace
    gateway.environment |= {"PRESENCE_RENEW_S": "0.2", "PRESENCE_GATEWAY_WATCH_RETENTION_S": "2"}
    restarted(gateway)
    scores.publish([1, 2, 3], presence=5)
    watch = gateway.scores.WatchScores(WatchScoresRequest(people=[person(2)]), timeout=2 * TIMEOUT_S)
    told = (score.presence_millipoints for answer in watch for score in answer.scores)
    assert next(told) == 5
    scores.erase(1)
    deadline = time.monotonic() + TIMEOUT_S
    while is_in(home, person(1).encode()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert gateway.logged("read_model_renewed")
    scores.publish([2], presence=6)
    assert next(told) == 6, "the watch goes on with the copy"
    assert presence_of(gateway, person(1)) is None
    assert presence_of(restarted(gateway), person(2)) == 6
