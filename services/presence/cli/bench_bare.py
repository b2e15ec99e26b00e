"""A bare gRPC servicer that answers a constant, for comparison. `python -m presence.cli.bench_bare`.

What grpcio itself costs, with answers as long as the gateway's: no store, no checks, no limits. It says its port on its
standard output, and ends with its standard input.
"""

import asyncio
import sys
from typing import Any

import grpc

from presence.cli.bench_people import score
from presence.gateway.wire import batch_response, framed, list_response
from presence.v1 import service_pb2

SERVICE = "presence.v1.ScoreService"


def answers(batch: int, page: int) -> dict[str, tuple[Any, bytes]]:
    """By method its request and the constant answer."""
    some = [framed(score(number, 1)) for number in range(max(batch, page))]
    return {
        "GetScore": (service_pb2.GetScoreRequest, score(0, 1)),
        "BatchGetScores": (service_pb2.BatchGetScoresRequest, batch_response(some[:batch], ())),
        "ListScores": (
            service_pb2.ListScoresRequest,
            list_response(some[:page], next_page_token="t" * 50, total_size=page),
        ),
    }


async def serve(batch: int, page: int) -> None:
    """Until the standard input ends."""

    def handler(request: Any, answer: bytes) -> Any:
        async def constant(_request: Any, _context: Any) -> bytes:
            return answer

        return grpc.unary_unary_rpc_method_handler(constant, request_deserializer=request.FromString)

    handlers = {name: handler(*pair) for name, pair in answers(batch, page).items()}
    server = grpc.aio.server()
    server.add_registered_method_handlers(SERVICE, handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
