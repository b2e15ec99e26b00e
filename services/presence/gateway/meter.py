"""Tells the metrics how the gateway stands: the writer its read model, a serving process its calls and watches."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc

from presence.events.vocabulary import PersonKind
from presence.gateway.read_model import ReadModel
from presence.gateway.rows import KINDS
from presence.gateway.watching import Watchers
from presence.log import metrics
from presence.log.clock import now_ms

POINTS = range(0, 101, 5)
MILLI = 1_000
LOOKED_S = 2.0
"""A fold that has not looked for so long is behind: it waits for records for a tenth of it."""

Handle = Callable[[Any, Any], Awaitable[Any]]


class FoldMeter:
    """Of the writer. Called from the fold's thread; read by the one that serves the metrics."""

    def __init__(self, model: ReadModel) -> None:
        self._model = model
        self._looked_s = self._current_s = time.monotonic()
        metrics.GATEWAY_CAUGHT_UP.set(0)
        metrics.GATEWAY_LOOKED.set_function(self._lag_s)
        for kind in KINDS:
            name = PersonKind(kind).name.lower()
            for points in POINTS:
                gauge = metrics.GATEWAY_AT_LEAST.labels(name, points)
                gauge.set_function(partial(self._at_least, kind, points))
            metrics.GATEWAY_PEOPLE.labels(name).set_function(partial(self._at_least, kind, 0))

    def looked(self, lag: dict[str, int]) -> None:
        """The fold is so many records behind the end of each topic, as far as the broker has told."""
        self._looked_s = time.monotonic()
        for topic, records in lag.items():
            metrics.GATEWAY_LAG.labels(topic).set(records)
        if not any(lag.values()):
            self._current_s = self._looked_s

    def folded(self, scores: int, observed_ms: int | None) -> None:
        """A transaction has so many scores, behind the oldest of which stands what was written at `observed_ms`."""
        metrics.GATEWAY_BATCH.observe(scores)
        if observed_ms is not None:
            metrics.GATEWAY_READABLE.observe(max(0, now_ms() - observed_ms) / MILLI)

    def _lag_s(self) -> float:
        now_s = time.monotonic()
        if now_s - self._looked_s > LOOKED_S:
            return now_s - self._current_s
        return self._looked_s - self._current_s

    def _at_least(self, kind: int, points: int) -> int:
        return self._model.people_above(kind, points * MILLI - 1)


def observed(name: str, service: str, stream: bool, handle: Handle) -> Handle:
    """`handle` with its calls counted and timed, under the names that every gRPC server has for this."""
    labels = ("server_stream" if stream else "unary", service, name)
    started, seconds = metrics.GRPC_STARTED.labels(*labels), metrics.GRPC_SECONDS.labels(*labels)
    if stream:
        metrics.GRPC_SENT.labels(*labels)
    handled = {code: metrics.GRPC_HANDLED.labels(*labels, code.name) for code in grpc.StatusCode}

    async def counted(request: Any, context: Any) -> Any:
        started.inc()
        began_s = time.perf_counter()
        code = grpc.StatusCode.OK
        try:
            return await handle(request, context)
        except grpc.aio.AbortError:
            code = _code(context.code())
            raise
        except BaseException:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            handled[code].inc()
            seconds.observe(time.perf_counter() - began_s)

    return counted


def serving(watchers: Watchers) -> None:
    """Show the open watches of this process."""
    metrics.GATEWAY_WATCHERS.set_function(lambda: len(watchers))


def watched(service: str, name: str, observed_ms: int) -> None:
    """A message with live scores has gone to a watcher; `observed_ms`: of the oldest in the last transaction."""
    metrics.GRPC_SENT.labels("server_stream", service, name).inc()
    if observed_ms:
        metrics.GATEWAY_WATCHED.observe(max(0, now_ms() - observed_ms) / MILLI)


def _code(given: Any) -> grpc.StatusCode:
    return next((code for code in grpc.StatusCode if given in (code, code.value[0])), grpc.StatusCode.UNKNOWN)
