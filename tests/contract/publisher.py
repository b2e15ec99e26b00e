"""Publishes scores as scoring does, until it is killed: a process, for tests that kill it.

`publisher.py <kafka> <namespace> <people> <revision>`: transactions of newer scores of some of the people, one id, so
that the next publisher fences this one. One line per committed transaction: the last revision in it. It rests in the
middle of a transaction, so that a kill meets one that is open, and readers have cores, too.
"""

import random
import sys
import time

from presence.log.kafka import producer
from presence.log.revision import Revision, encode
from presence.log.settings import Settings
from presence.v1.score_pb2 import Score

DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
ROUND = 40
REST_S = 0.05


def person(number: int) -> str:
    return "p_" + "a" * 24 + DIGITS[number // 32] + DIGITS[number % 32]


def main() -> None:
    kafka, namespace, people, revision = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    settings = Settings(kafka=kafka, namespace=namespace)
    writer = producer(settings, transactional_id=f"{namespace}.publisher", linger_ms=0)
    writer.init_transactions()
    chance = random.Random(revision)
    while True:
        writer.begin_transaction()
        for number in chance.sample(range(people), min(ROUND, people)):
            revision += 1
            score = Score(
                person=person(number),
                presence_millipoints=revision % 100_000,
                events=revision,
                revision=encode(Revision(0, revision)),
            )
            writer.send(settings.topics.scores, key=score.person.encode(), value=score.SerializeToString())
        writer.flush()
        time.sleep(REST_S)
        writer.commit_transaction()
        sys.stdout.write(f"{revision}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
