"""One source of each kind of transport, as `presence chaos-ingest` has it: what it tells, and which service reads that.

Acts are a second apart, and by their seconds they are known again in the log.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from presence.broker.ports import free_port
from presence.demo.frames import did, post
from presence.demo.jetstream import Jetstream
from presence.demo.networks.venue import iso
from presence.demo.wire import mastodon, pushes
from presence.demo.wire.linkedin import MemberChangelog, change
from presence.demo.wire.x import Backfilled
from presence.events.vocabulary import Network, PersonId
from presence.ingest.networks import linkedin_poller, mastodon_poller, x, x_stream

NOTHING: Mapping[str, str] = MappingProxyType({})
RETRY_S = 0.05
T = TypeVar("T")


class Way(Protocol):
    """One source of `times`, at most `rate_per_s` of them a second."""

    @property
    def network(self) -> Network: ...
    @property
    def native(self) -> str: ...
    @property
    def environment(self) -> Mapping[str, str]: ...

    def __init__(self, times: Sequence[int], rate_per_s: float, folder: Path) -> None: ...

    def serve(self, stack: ExitStack) -> None:
        """Be there, and begin to tell once somebody listens, until `stack` is closed."""

    def command(self, person: PersonId) -> list[str]:
        """The service: arguments of `presence`."""


class Websocket:
    """Bluesky's Jetstream: whoever comes back names the microsecond from which it is played again."""

    network, native, environment = Network("bluesky"), did("ada"), NOTHING

    def __init__(self, times: Sequence[int], rate_per_s: float, folder: Path) -> None:  # noqa: ARG002 (no file)
        self._server = Jetstream((post(self.native, at_ms) for at_ms in times), rate_per_s=rate_per_s)

    def serve(self, stack: ExitStack) -> None:
        self._server.start()
        stack.callback(self._server.stop)

    def command(self, person: PersonId) -> list[str]:  # noqa: ARG002 (it reads for all who are enrolled)
        return ["ingest", "bluesky", "--url", self._server.url]


class ServerSentEvents:
    """Mastodon: a stream that cannot be resumed, and its REST API for what was while there was none."""

    network, native = Network("mastodon"), f"ada@{mastodon.HOST}"

    def __init__(self, times: Sequence[int], rate_per_s: float, folder: Path) -> None:  # noqa: ARG002 (no file)
        self._server = mastodon.Mastodon()
        self._server.page = 40
        self._numbers = [(at_ms - mastodon.NEW_MS) // 1000 for at_ms in times]
        self._rate_per_s = rate_per_s
        self.environment = {mastodon_poller.TOKENS: json.dumps({self.native: self._server.token})}

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._server)
        stack.callback(self._server.send, None)
        _telling(stack, self._numbers, self._rate_per_s, self._told, lambda: bool(self._server.streams))

    def command(self, person: PersonId) -> list[str]:  # noqa: ARG002 (it reads for all who are enrolled)
        return ["ingest", "poll", "mastodon", "--url", self._server.url]

    def _told(self, number: int) -> None:
        with self._server.lock:
            self._server.post(mastodon.status("ada", number))


class Lines:
    """X: one answer without an end, which a client that comes back gets again from a few minutes before."""

    network, native = Network("x"), "1111"
    environment: Mapping[str, str] = MappingProxyType({x_stream.TOKEN: "b3arer", x_stream.BACKFILL: "yes"})

    def __init__(self, times: Sequence[int], rate_per_s: float, folder: Path) -> None:  # noqa: ARG002 (no file)
        self._times, self._rate_per_s = times, rate_per_s
        self._server = Backfilled()

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._server)
        _telling(stack, self._times, self._rate_per_s, self._told, lambda: bool(self._server.asked))

    def command(self, person: PersonId) -> list[str]:  # noqa: ARG002 (it reads for all who are enrolled)
        return ["ingest", "stream", "x", "--url", self._server.url]

    def _told(self, at_ms: int) -> None:
        said = {"id": _snowflake(at_ms), "author_id": self.native}
        told = {"event_type": "post.create", "filter": {"user_id": self.native}, "payload": said}
        self._server.tell(json.dumps({"data": told}).encode() + b"\r\n")


class Polled:
    """LinkedIn's changelog, asked page by page from where the log has it; here it is asked anew by each start only."""

    network, native = Network("linkedin"), "urn:li:person:ida"

    def __init__(self, times: Sequence[int], rate_per_s: float, folder: Path) -> None:  # noqa: ARG002 (no file)
        self._server = MemberChangelog({self.native: []})
        self._changes = [change(self.native, at_ms, number) for number, at_ms in enumerate(times)]
        self._rate_per_s = rate_per_s
        token = {"access_token": f"token-of-{self.native}"}
        self.environment = {linkedin_poller.TOKENS: json.dumps({self.native: token})}

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._server)
        tell = self._server.events[self.native].append
        _telling(stack, self._changes, self._rate_per_s, tell, lambda: True)

    def command(self, person: PersonId) -> list[str]:  # noqa: ARG002 (it reads for all who are enrolled)
        return ["ingest", "poll", "linkedin", "--url", self._server.url]


class Pushed:
    """GitHub's webhooks: each is sent until it is answered with 200, as often as that takes."""

    network, native, environment = Network("github"), "octocat", pushes.ENV

    def __init__(self, times: Sequence[int], rate_per_s: float, folder: Path) -> None:  # noqa: ARG002 (no file)
        self._port = free_port()
        self._stars = [pushes.star(f"fan{number}", at=iso(at_ms)) for number, at_ms in enumerate(times)]
        self._rate_per_s = rate_per_s
        self._stop = threading.Event()

    def serve(self, stack: ExitStack) -> None:
        _telling(stack, self._stars, self._rate_per_s, self._told, lambda: True)
        stack.callback(self._stop.set)  # Before its thread is waited for, which may be sending to nobody.

    def command(self, person: PersonId) -> list[str]:  # noqa: ARG002 (it reads for all who are enrolled)
        return ["ingest", "webhooks", "github", "--port", str(self._port)]

    def _told(self, star: pushes.Delivery) -> None:
        while not self._stop.is_set():
            try:
                if pushes.post(self._port, star).status == 200:
                    return
            except (OSError, HTTPException):
                pass
            self._stop.wait(RETRY_S)


class Imported:
    """X's archive, which is imported again until all of it is in the log."""

    network, native, environment = Network("x"), "1111", NOTHING

    def __init__(self, times: Sequence[int], rate_per_s: float, folder: Path) -> None:  # noqa: ARG002 (as it can)
        self._folder = folder / "archive"
        self._folder.mkdir()
        account = {"account": {"accountId": self.native}}
        posts = (
            json.dumps({"tweet": {"id_str": _snowflake(at_ms), "full_text": "Hello."}}) for at_ms in times
        )
        (self._folder / "account.js").write_text(f"window.YTD.account.part0 = [{json.dumps(account)}]")
        (self._folder / "tweets.js").write_text(f"window.YTD.tweets.part0 = [{','.join(posts)}]")

    def serve(self, stack: ExitStack) -> None:
        """A file is just there."""

    def command(self, person: PersonId) -> list[str]:
        return ["import", "x", str(self._folder), "--person", person]


WAYS: Mapping[str, type[Way]] = MappingProxyType(
    {
        "websocket": Websocket,
        "sse": ServerSentEvents,
        "lines": Lines,
        "polling": Polled,
        "webhook": Pushed,
        "import": Imported,
    }
)


def _snowflake(at_ms: int) -> str:
    return str((at_ms - x.SNOWFLAKE_EPOCH_MS) << 22)


def _telling(
    stack: ExitStack,
    acts: Iterable[T],
    rate_per_s: float,
    tell: Callable[[T], None],
    is_heard: Callable[[], bool],
) -> None:
    """Tell `acts` in a thread at that rate, once somebody hears them, until `stack` is closed."""
    stop = threading.Event()

    def run() -> None:
        while not is_heard() and not stop.wait(RETRY_S):
            pass
        began_s = time.monotonic()
        for number, act in enumerate(acts):
            if stop.wait(max(0.0, began_s + number / rate_per_s - time.monotonic())):
                return
            tell(act)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    stack.callback(thread.join)
    stack.callback(stop.set)
