"""Every metric of Presence: its name, type, unit, labels, and what it means. There is no other place that declares one.

Each service has a registry of its own, so that a process shows what it measures and nothing else. A label is one of `Label`:
what it can say is a word of ours, a number of a partition or the short code of a network, never a person, an account or
anything that somebody else may write. What is counted on a hot path is counted once per batch.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import disable_created_metrics as _disable_created_metrics

from presence.log.weighted import WeightedHistogram


class Service(StrEnum):
    """Who measures; the `job` of Prometheus."""

    INGEST = "ingest"
    SCORING = "scoring"
    GATEWAY = "gateway"
    """The process that folds what the others serve."""
    GATEWAY_SERVER = "gateway-server"
    CLOCK = "clock"
    ASSOCIATES = "associates"
    NIGHTLY = "nightly"
    ARCHIVE = "archive"


class Label(StrEnum):
    """All labels there are. None of them can tell a person."""

    NETWORK = "network"
    PARTITION = "partition"
    TOPIC = "topic"
    KIND = "kind"
    """Of a record, or of those who are scored: person or business."""
    OUTCOME = "outcome"
    REASON = "reason"
    """One snake_case word of ours, as in a dead letter's header."""
    STEP = "step"
    STATUS = "status"
    MODEL = "model"
    HASH = "hash"
    AT_LEAST = "at_least"
    """Points of a score, by fives."""
    VARIANT = "variant"
    GRPC_TYPE = "grpc_type"
    GRPC_SERVICE = "grpc_service"
    GRPC_METHOD = "grpc_method"
    GRPC_CODE = "grpc_code"


class Step(StrEnum):
    """What a scoring worker spends its time on."""

    DECODE = "decode"
    LOAD = "load"
    FOLD = "fold"
    COMMIT = "commit"
    EVALUATE = "evaluate"
    PUBLISH = "publish"
    SNAPSHOT = "snapshot"


class Outcome(StrEnum):
    """What became of a frame of a network."""

    USED = "used"
    SKIPPED = "skipped"
    REFUSED = "refused"


class Recorded(StrEnum):
    """What a record of the log that ingest wrote is."""

    EVENT = "event"
    UNDO = "undo"
    GAUGE = "gauge"
    KNOWN = "known"
    """Was in the log already, and was not written again."""


REGISTRIES = MappingProxyType({service: CollectorRegistry() for service in Service})

SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
WORK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CALL_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FRESH_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""docs/slo.md promises at the bound of 5 s."""

_Kind = TypeVar("_Kind", Counter, Gauge)
_disable_created_metrics()  # type: ignore[no-untyped-call]


def _plain(kind: Callable[..., _Kind], service: Service, name: str, means: str, *labels: Label) -> _Kind:
    return kind(name, means, [str(label) for label in labels], registry=REGISTRIES[service])


def _counter(service: Service, name: str, means: str, *labels: Label) -> Counter:
    return _plain(Counter, service, name, means, *labels)


def _gauge(service: Service, name: str, means: str, *labels: Label) -> Gauge:
    return _plain(Gauge, service, name, means, *labels)


def _histogram(
    service: Service, name: str, means: str, buckets: Sequence[float], *labels: Label
) -> Histogram:
    names = [str(label) for label in labels]
    return Histogram(name, means, names, buckets=buckets, registry=REGISTRIES[service])


# Ingest.
INGEST_FRAMES = _counter(
    Service.INGEST, "presence_ingest_frames_total",
    "Frames that a network gave, by what became of them.", Label.NETWORK, Label.OUTCOME,
)  # fmt: skip
INGEST_SKIPPED = _counter(
    Service.INGEST, "presence_ingest_skipped_total",
    "Frames that say nothing about anybody enrolled, or nothing that counts, by why.", Label.NETWORK, Label.REASON,
)  # fmt: skip
INGEST_DEAD_LETTERS = _counter(
    Service.INGEST, "presence_ingest_dead_letters_total",
    "Frames that could not be used and went to the dead letter topic, by why.", Label.NETWORK, Label.REASON,
)  # fmt: skip
INGEST_RECORDS = _counter(
    Service.INGEST, "presence_ingest_records_total",
    "Records for the activity log, by kind; known ones were there already and were not written again.",
    Label.NETWORK, Label.KIND,
)  # fmt: skip
INGEST_IN_FLIGHT = _gauge(
    Service.INGEST, "presence_ingest_in_flight_records",
    "Records sent and not yet acknowledged by the broker.", Label.NETWORK,
)  # fmt: skip
INGEST_STALLED = _gauge(
    Service.INGEST, "presence_ingest_stalled_seconds",
    "Since when the broker acknowledges nothing of what is under way; 0 if nothing is.", Label.NETWORK,
)  # fmt: skip
INGEST_LAST_FRAME = _gauge(
    Service.INGEST, "presence_ingest_last_frame_timestamp_seconds",
    "When the source gave something last, since 1970-01-01.", Label.NETWORK,
)  # fmt: skip
INGEST_WATERMARK = _gauge(
    Service.INGEST, "presence_ingest_watermark_timestamp_seconds",
    "Up to when the network's acts are complete in the log, since 1970-01-01.", Label.NETWORK,
)  # fmt: skip
INGEST_PEOPLE = _gauge(
    Service.INGEST, "presence_ingest_people",
    "Who is enrolled, as this ingest knows the roster.", Label.NETWORK,
)  # fmt: skip
WEBHOOK_ANSWERS = _counter(
    Service.INGEST, "presence_webhook_answers_total",
    "Requests of networks that push, by the HTTP status of the answer.", Label.NETWORK, Label.STATUS,
)  # fmt: skip

# Scoring.
SCORING_LAG_RECORDS = _gauge(
    Service.SCORING, "presence_scoring_lag_records",
    "Records of the activity log that are not folded yet.", Label.PARTITION,
)  # fmt: skip
SCORING_LAG_SECONDS = _gauge(
    Service.SCORING, "presence_scoring_lag_seconds",
    "Age of the oldest record that is not folded yet, or since when the worker has not looked; 0 when up to date.",
    Label.PARTITION,
)  # fmt: skip
SCORING_RESTORED = _gauge(
    Service.SCORING, "presence_scoring_restored_ratio",
    "How much of what the log had when the partition was opened is folded, 0 to 1.", Label.PARTITION,
)  # fmt: skip
SCORING_UNPUBLISHED = _gauge(
    Service.SCORING, "presence_scoring_unpublished_people",
    "Whose score has changed and is not out yet.", Label.PARTITION,
)  # fmt: skip
SCORING_EVENTS = _counter(
    Service.SCORING, "presence_scoring_records_total",
    "Records of the activity log that were folded.", Label.PARTITION,
)  # fmt: skip
SCORING_BATCH = _histogram(
    Service.SCORING, "presence_scoring_batch_records", "Records folded in one transaction.", SIZES,
)  # fmt: skip
SCORING_STEP = _histogram(
    Service.SCORING, "presence_scoring_step_seconds", "What a batch or publication spends its time on.",
    WORK_S, Label.STEP,
)  # fmt: skip
SCORING_SCORES = _counter(
    Service.SCORING, "presence_scoring_scores_total", "Scores that were published.", Label.PARTITION,
)  # fmt: skip
SCORING_DEAD_LETTERS = _counter(
    Service.SCORING, "presence_scoring_dead_letters_total",
    "Records of the activity log that went to the dead letter topic, by why.", Label.REASON,
)  # fmt: skip
SCORING_FRESH = WeightedHistogram(
    "presence_scoring_observed_to_published_seconds",
    "From when ingest wrote what was observed, of the oldest record of a batch, to its scores being out; per score.",
    FRESH_S, REGISTRIES[Service.SCORING],
)  # fmt: skip
SCORING_SNAPSHOT = _gauge(
    Service.SCORING, "presence_scoring_snapshot_timestamp_seconds",
    "When the newest snapshot was as new as the state, or the partition was opened, since 1970-01-01.", Label.PARTITION,
)  # fmt: skip
SCORING_MODEL = _gauge(
    Service.SCORING, "presence_scoring_model_info", "1 for the model in use.",
    Label.MODEL, Label.HASH, Label.VARIANT,
)  # fmt: skip

# Gateway: the process that folds.
GATEWAY_LAG = _gauge(
    Service.GATEWAY, "presence_gateway_lag_records",
    "Records that are not in the read model yet, as far as the broker has told of them.", Label.TOPIC,
)  # fmt: skip
GATEWAY_LOOKED = _gauge(
    Service.GATEWAY, "presence_gateway_lag_seconds",
    "Since when the read model is not up to date, or the fold has not looked; 0 when up to date.",
)  # fmt: skip
GATEWAY_CAUGHT_UP = _gauge(
    Service.GATEWAY, "presence_gateway_caught_up", "1 once the read model has reached the topics' ends.",
)  # fmt: skip
GATEWAY_BATCH = _histogram(
    Service.GATEWAY, "presence_gateway_batch_records", "Scores read in one transaction.", SIZES,
)  # fmt: skip
GATEWAY_READABLE = _histogram(
    Service.GATEWAY, "presence_gateway_observed_to_readable_seconds",
    "From when ingest wrote what was observed to its score being readable; once per batch, of its oldest.", FRESH_S,
)  # fmt: skip
GATEWAY_PEOPLE = _gauge(
    Service.GATEWAY, "presence_gateway_people", "Who has a score.", Label.KIND,
)  # fmt: skip
GATEWAY_AT_LEAST = _gauge(
    Service.GATEWAY, "presence_gateway_people_with_points", "Who has a score of at least so many points.",
    Label.KIND, Label.AT_LEAST,
)  # fmt: skip

# Gateway: the processes that serve. The grpc_server_* are those of go-grpc-prometheus.
GRPC_STARTED = _counter(
    Service.GATEWAY_SERVER, "grpc_server_started_total", "Calls that began.",
    Label.GRPC_TYPE, Label.GRPC_SERVICE, Label.GRPC_METHOD,
)  # fmt: skip
GRPC_HANDLED = _counter(
    Service.GATEWAY_SERVER, "grpc_server_handled_total", "Calls that ended, by status.",
    Label.GRPC_TYPE, Label.GRPC_SERVICE, Label.GRPC_METHOD, Label.GRPC_CODE,
)  # fmt: skip
GRPC_SECONDS = _histogram(
    Service.GATEWAY_SERVER, "grpc_server_handling_seconds", "From a call's arrival to its end.", CALL_S,
    Label.GRPC_TYPE, Label.GRPC_SERVICE, Label.GRPC_METHOD,
)  # fmt: skip
GRPC_SENT = _counter(
    Service.GATEWAY_SERVER, "grpc_server_msg_sent_total", "Messages of streams that were sent.",
    Label.GRPC_TYPE, Label.GRPC_SERVICE, Label.GRPC_METHOD,
)  # fmt: skip
GATEWAY_WATCHERS = _gauge(Service.GATEWAY_SERVER, "presence_gateway_watchers", "Open watches.")
GATEWAY_WATCHED = _histogram(
    Service.GATEWAY_SERVER, "presence_gateway_observed_to_watcher_seconds",
    "From when ingest wrote what was observed to a watcher's message with its score; once per message, of its oldest.",
    FRESH_S,
)  # fmt: skip

# Clock, and the nightly check.
CLOCK_TICK = _gauge(
    Service.CLOCK, "presence_clock_tick_timestamp_seconds",
    "The midnight that was told to the log last, since 1970-01-01.",
)  # fmt: skip
VERIFY_ENDED = _gauge(
    Service.NIGHTLY, "presence_verify_timestamp_seconds",
    "When the last comparison of live scores with a replay of the log ended, since 1970-01-01.",
)  # fmt: skip
VERIFY_PEOPLE = _gauge(
    Service.NIGHTLY, "presence_verify_people", "Whose score the last comparison looked at.",
)  # fmt: skip
VERIFY_WRONG = _gauge(
    Service.NIGHTLY, "presence_verify_wrong_people",
    "Whose live score was not what the log says, in the last comparison.",
)  # fmt: skip
VERIFY_FAILED = _counter(
    Service.NIGHTLY, "presence_verify_failures_total", "Comparisons that could not be carried out.",
)  # fmt: skip

for _registry in REGISTRIES.values():
    ProcessCollector(registry=_registry)
