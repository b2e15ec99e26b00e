"""What comes all at once: every watcher of a gateway that was restarted, within the same second."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import grpc
import psutil

from presence.v1.service_pb2 import WatchScoresRequest
from presence.v1.service_pb2_grpc import ScoreServiceStub

CONNECTIONS = 20
WATCHES_OF_EACH = 250
TIMEOUT_S = 60.0


async def first_messages(address: str, server: psutil.Process) -> list[int]:
    """Scores in the first message of each watch, of a server that is held until all of them wait for it."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    server.send_signal(signal.SIGSTOP)
    streams = [
        ScoreServiceStub(channel).WatchScores(WatchScoresRequest(), timeout=TIMEOUT_S)
        for channel in channels
        for _ in range(WATCHES_OF_EACH)
    ]
    reads = [asyncio.ensure_future(stream.read()) for stream in streams]
    await asyncio.sleep(1)
    server.send_signal(signal.SIGCONT)
    messages: list[Any] = await asyncio.gather(*reads)
    for channel in channels:
        await channel.close()
    return [len(message.scores) for message in messages]


def test_five_thousand_watchers_who_come_at_once_are_all_told(
    scores: Any, new_gateway: Callable[..., Any]
) -> None:
    scores.publish([1])
    gateway = new_gateway(scores.settings)
    gateway.wait_until_serving()
    (server,) = psutil.Process(gateway.process.pid).children()
    told = asyncio.run(first_messages(gateway.address, server))
    assert told == [1] * CONNECTIONS * WATCHES_OF_EACH
