"""The client for asyncio, and what both clients try again, against a running gateway."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from presence.client import AsyncClient, Client, NotFound, Unavailable

Person = Callable[[int], str]
TIMEOUT_S = 30.0


def test_the_client_for_asyncio_says_what_the_other_says(gateway: Any, scores: Any, person: Person) -> None:
    async def tell() -> None:
        async with AsyncClient(gateway.address, timeout_s=TIMEOUT_S) as client:
            async with client.watch([person(1)]) as watch:
                async for update in watch:
                    if update.scores:
                        break
            assert await client.serving()
            with Client(gateway.address, timeout_s=TIMEOUT_S) as other:
                everybody = list(map(person, range(5)))
                assert await client.get_score(person(1)) == other.get_score(person(1))
                assert await client.get_rank(person(1)) == other.get_rank(person(1))
                assert await client.explain_score(person(1)) == other.explain_score(person(1))
                assert await client.batch_get_scores(everybody) == other.batch_get_scores(everybody)
                listed = [score async for score in client.list_scores(page_size=2)]
                assert listed == list(other.list_scores(page_size=3))
                assert [closing async for closing in client.history(person(1))] == []
            with pytest.raises(NotFound):
                await client.get_score(person(9))

    scores.publish(range(5))
    asyncio.run(tell())


def test_a_watch_for_asyncio_goes_on_through_a_restart_and_can_be_closed(
    gateway: Any, scores: Any, person: Person
) -> None:
    async def tell() -> None:
        received: list[tuple[str, int]] = []

        async def until(presence: int) -> None:
            while (person(1), presence) not in received:
                update = await anext(watch)
                received.extend((score.person, score.presence) for score in update.scores)

        async with AsyncClient(gateway.address) as client:
            watch = client.watch()
            await asyncio.to_thread(scores.publish, [1], presence=1)
            await until(1)
            await asyncio.to_thread(gateway.kill)
            await asyncio.to_thread(scores.publish, [1], presence=2)
            await asyncio.to_thread(gateway.start)
            await until(2)
            assert received == [(person(1), 1), (person(1), 2)]
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            watch.close()
            with pytest.raises(StopAsyncIteration):
                await waiting

    asyncio.run(tell())


def test_a_call_is_tried_again_until_the_gateway_is_back(gateway: Any, scores: Any, person: Person) -> None:
    scores.publish([1], presence=7)
    with Client(gateway.address, timeout_s=TIMEOUT_S) as client:
        with client.watch([person(1)]) as watch:
            assert any(update.scores for update in watch)
        gateway.kill()
        while client.serving():  # Its serving process sees that it is alone, and ends.
            continue
        with pytest.raises(Unavailable):
            client.get_score(person(1), timeout_s=0.2)
        starting = threading.Thread(target=gateway.start)
        starting.start()
        found = None
        while found is None:
            try:
                found = client.get_score(person(1))
            except Unavailable:  # Its five attempts are over sooner than a slow machine's start.
                continue
        starting.join()
        assert found.presence == 7


def test_a_refusal_is_not_tried_again(gateway: Any) -> None:
    calls: list[str] = []

    class Counting(grpc.UnaryUnaryClientInterceptor):
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            calls.append(details.method)
            return continuation(details, request)

    with Client(gateway.address) as client:
        client._channel = grpc.intercept_channel(client._channel, Counting())  # noqa: SLF001
        with pytest.raises(NotFound):
            client.get_score("p_" + "a" * 26)
    assert len(calls) == 1
