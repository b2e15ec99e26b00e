"""The settings of the broker: one KRaft node on this machine, for one machine's worth of data. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"

# Twice what Kafka's own clients send at most by default, so that the broker is never the tighter bound.
MESSAGE_BYTES_MAX = 2 << 20
# The compaction map. Kafka's default of 128 MB would be a quarter of the heap; 16 MB hold 600,000 keys a pass.
DEDUPE_BUFFER_BYTES = 16 << 20
# Of Kafka's 50: one node gains nothing from more partitions of its internal topics, and starts faster with few.
INTERNAL_PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Detour:
    """A listener more, whose clients are told to come to another port: that of a proxy in front of it."""

    port: int
    advertised_port: int


def server_properties(
    *, log_folder: Path, port: int, controller_port: int, detours: Sequence[Detour] = ()
) -> str:
    """The text of `server.properties`.

    All listeners are bound to 127.0.0.1 and nothing else. Retention is not set here: each topic has its own.
    """
    own = f"BROKER://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}"
    names = [f"DETOUR{number}" for number in range(len(detours))]
    bound = [f"{name}://{HOST}:{each.port}" for name, each in zip(names, detours, strict=True)]
    told = [f"{name}://{HOST}:{each.advertised_port}" for name, each in zip(names, detours, strict=True)]
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": ",".join([own, *bound]),
        "advertised.listeners": ",".join([own, *told]),
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(
            f"{name}:PLAINTEXT" for name in ("BROKER", "CONTROLLER", *names)
        ),
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller_port}",
        "log.dirs": str(log_folder),
        # One node: a replication factor of three, the default, would let no consumer group and no transaction start.
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": str(INTERNAL_PARTITIONS),
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": str(INTERNAL_PARTITIONS),
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": str(INTERNAL_PARTITIONS),
        "min.insync.replicas": "1",
        "group.initial.rebalance.delay.ms": "0",
        # After kill -9 Kafka takes the next start for a duplicate until the session of the dead one is over: 9 s by
        # default, and it asks again only every 2 s. A stall longer than this fences the broker until its next heartbeat.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # A misspelt topic must be an error, and a topic must never appear without its retention and compaction.
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(MESSAGE_BYTES_MAX),
        "log.cleaner.enable": "true",
        "log.cleaner.dedupe.buffer.size": str(DEDUPE_BUFFER_BYTES),
    }
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def _escaped(value: str) -> str:
    # Java reads a properties file as Latin-1 and takes a backslash for an escape; a folder's name may have either.
    return "".join(_escaped_character(character) for character in value)


def _escaped_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isascii() and character.isprintable():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
