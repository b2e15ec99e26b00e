"""A gateway as a process of its own, and what scoring would write for it, on a real broker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kafka import KafkaProducer

from presence.events.vocabulary import PersonId
from presence.log.kafka import ensure_topics, producer
from presence.log.revision import Revision, encode
from presence.log.settings import Settings
from presence.v1.score_pb2 import Score
from presence.v1.service_pb2_grpc import ScoreServiceStub

from .pki import Issuer

PATIENCE_S = 120.0
DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


def _person(number: int) -> PersonId:
    tail = "".join(DIGITS[number // 32**place % 32] for place in (3, 2, 1, 0))
    return PersonId("p_" + "a" * 22 + tail)


@pytest.fixture(scope="session")
def person() -> Callable[[int], PersonId]:
    return _person


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "jwks.json")


@dataclass
class Scores:
    """Writes to the topic of scores as scoring does; every score of a person has a later revision."""

    settings: Settings
    _producer: KafkaProducer = field(init=False)
    _revision: int = 0

    def __post_init__(self) -> None:
        ensure_topics(self.settings)
        self._producer = producer(self.settings)

    def publish(
        self, numbers: Iterable[int], *, presence: int = 1000, revision: int | None = None, **more: Any
    ) -> None:
        """Scores of these people, acknowledged by the broker; `revision` to go against the rules, more fields of Score."""
        for number in numbers:
            self._revision += 1
            at = Revision(0, self._revision if revision is None else revision)
            score = Score(person=_person(number), presence_millipoints=presence, revision=encode(at), **more)
            self._send(_person(number), score.SerializeToString())
        self._producer.flush()

    def close_day(self, number: int, day: str, **fields: Any) -> None:
        """A closing of that person, as scoring writes it."""
        self._revision += 1
        at = encode(Revision(0, self._revision))
        closing = Score(person=_person(number), revision=at, **fields)
        key = f"{_person(number)}/{day}".encode()
        self._producer.send(self.settings.topics.history, key=key, value=closing.SerializeToString())
        self._producer.flush()

    def erase(self, number: int) -> None:
        self._send(_person(number), None)
        self._producer.flush()

    def write(self, key: str, value: bytes | None) -> None:
        """Anything, as a fault of ours would."""
        self._send(key, value)
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()

    def _send(self, key: str, value: bytes | None) -> None:
        self._producer.send(self.settings.topics.scores, key=key.encode(), value=value)


@dataclass
class Gateway:
    """`python -m presence.gateway`, and plain gRPC to it."""

    settings: Settings
    process: "subprocess.Popen[bytes]" = field(init=False)
    environment: dict[str, str] = field(default_factory=dict)
    """More of its settings."""
    credentials: grpc.ChannelCredentials | None = None
    """How to speak to it; None: plain text."""
    address: str = ""
    channel: grpc.Channel = field(init=False)

    @property
    def log_path(self) -> Path:
        return self.settings.data / "gateway.log"

    @property
    def scores(self) -> ScoreServiceStub:
        return ScoreServiceStub(self.channel)

    def start(self) -> None:
        """Return when it listens: at its old address, if it had one."""
        self.settings.data.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "PRESENCE_KAFKA": self.settings.kafka,
            "PRESENCE_NAMESPACE": self.settings.namespace,
            "PRESENCE_DATA": str(self.settings.data),
            "PRESENCE_GATEWAY": self.address or "127.0.0.1:0",
            "PRESENCE_LOG_FORMAT": "json",
            **self.environment,
        }
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "presence.gateway"], env=environment, stdout=log, stderr=log
            )
        self.address = self.logged("listening")["address"]
        self.channel = self.connect()

    def connect(self, *more: tuple[str, int]) -> grpc.Channel:
        """A channel of its own, with these options."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 500), *more]
        if self.credentials is None:
            return grpc.insecure_channel(self.address, options=options)
        return grpc.secure_channel(self.address, self.credentials, options=options)

    def wait_until_serving(self) -> None:
        for answer in health_pb2_grpc.HealthStub(self.channel).Watch(
            health_pb2.HealthCheckRequest(service="presence.v1.ScoreService"), timeout=PATIENCE_S
        ):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return

    def logged(self, event: str) -> dict[str, str]:
        """The first line of the log with that event, when it is there."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for line in self.log_path.read_text().splitlines():
                if line.startswith("{") and (entry := json.loads(line))["event"] == event:
                    return {name: str(value) for name, value in entry.items()}
            assert self.process.poll() is None, self.log_path.read_text()
            time.sleep(0.02)
        raise AssertionError(f"no {event} in {self.log_path.read_text()}")

    def kill(self) -> None:
        """As the kernel would: no chance to tidy up."""
        self.channel.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def settings(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    return Settings(kafka=kafka, namespace=namespace, data=tmp_path)


@pytest.fixture
def scores(settings: Settings) -> Iterator[Scores]:
    opened = Scores(settings)
    yield opened
    opened.close()


@pytest.fixture
def new_gateway() -> Iterator[Callable[..., Gateway]]:
    """`new_gateway(settings)`: listening, but perhaps not serving yet; killed at the end of the test."""
    gateways: list[Gateway] = []

    def start(settings: Settings, **given: Any) -> Gateway:
        gateway = Gateway(settings, **given)
        gateways.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in gateways:
        gateway.kill()


@pytest.fixture
def gateway(scores: Scores, new_gateway: Callable[[Settings], Gateway]) -> Gateway:
    """A serving gateway of the test's own topics."""
    started = new_gateway(scores.settings)
    started.wait_until_serving()
    return started
