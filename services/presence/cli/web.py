"""`presence web`: one person's score, reasons and closings as JSON over HTTP, for dashboards that speak no gRPC.

It asks the gateway with the access of its own `PRESENCE_CLIENT_*`, so it can show no more than that may see. Anybody who reaches
it sees that, too: it listens on loopback, or asks for a key.
"""

import hmac
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from presence.cli.context import settings
from presence.cli.score_view import in_words
from presence.client import Access, AsyncClient, NotFound, Score
from presence.events.errors import CallerError, PresenceError, SourceUnavailable
from presence.log.exposition import host_and_port
from presence.log.loopback import is_loopback
from presence.log.settings import Settings, from_env, read

MILLI, MICRO = 1_000, 1_000_000
DAY_MS = 86_400_000
DAYS_MAX = 366
KEY = "PRESENCE_WEB_KEY"

Answer = Callable[[AsyncClient, Request], Awaitable[Any]]


def web(
    listen: Annotated[
        str, typer.Option(help="Where to listen; elsewhere than on loopback PRESENCE_WEB_KEY must be set.")
    ] = "127.0.0.1:8791",
) -> None:
    """Serve one person's score, reasons and closings as JSON, for Grafana's dashboard of one person."""
    host, port = host_and_port(listen)
    key = from_env(os.environ, KEY) or ""
    if not key and not is_loopback(host):
        raise CallerError(f"{host} can be reached by others: set {KEY}, or listen on 127.0.0.1")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    uvicorn.run(application(settings(), key), host=host, port=port, log_config=None, access_log=False)


def application(found: Settings, key: str) -> Starlette:
    """The ASGI application; `key`: what a caller must show as a bearer token, empty for nothing."""
    access = read(Access, os.environ, "PRESENCE_CLIENT_")

    def endpoint(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            if key and not _is_shown(key, request):
                return JSONResponse({"error": "show the key as a bearer token"}, HTTPStatus.UNAUTHORIZED)
            try:
                async with AsyncClient(found.gateway, access=access) as client:
                    return JSONResponse(await answer(client, request))
            except PresenceError as error:
                return JSONResponse({"error": str(error)}, _status(error))

        return respond

    person = "/v1/people/{person}"
    return Starlette(
        routes=[
            Route("/health", endpoint(_health)),
            Route(f"{person}/score", endpoint(_score)),
            Route(f"{person}/reasons", endpoint(_reasons)),
            Route(f"{person}/history", endpoint(_history)),
        ]
    )


async def _health(client: AsyncClient, _: Request) -> Any:
    if not await client.serving():
        raise SourceUnavailable("the gateway does not serve")
    return {"gateway": "serving"}


async def _score(client: AsyncClient, request: Request) -> Any:
    score = await client.get_score(request.path_params["person"])
    return score.as_dict() | _figures(score)


async def _reasons(client: AsyncClient, request: Request) -> Any:
    explained = await client.explain_score(request.path_params["person"])
    rows = [
        {"title": in_words(each), "network": each.network, "points": each.millipoints / MILLI}
        for each in explained.reasons
    ]
    return {"person": explained.person, "presence": explained.presence / MILLI, "reasons": rows}


async def _history(client: AsyncClient, request: Request) -> Any:
    """Closings of up to DAYS_MAX days; `from` and `to` are milliseconds since 1970-01-01, as Grafana has them."""
    try:
        first, last = (int(request.query_params[name]) // DAY_MS for name in ("from", "to"))
        since, until = (datetime.fromtimestamp(day * DAY_MS / MILLI, UTC).date() for day in (first, last))
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise CallerError("from and to must be milliseconds since 1970-01-01") from error
    if not 0 <= last - first < DAYS_MAX:
        raise CallerError(f"from and to must be in order, and {DAYS_MAX} days apart at most")
    closings = client.history(
        request.path_params["person"], first_day=since.isoformat(), last_day=until.isoformat()
    )
    return {
        "days": [
            {"time": _end_ms(each.day), "day": each.day} | _figures(each.score) async for each in closings
        ]
    }


def _figures(score: Score) -> dict[str, float]:
    """In points, and the confidence from 0 to 1."""
    return {
        "presence": score.presence / MILLI,
        "visibility": score.visibility / MILLI,
        "confidence": score.confidence / MICRO,
    }


def _end_ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * MILLI) + DAY_MS


def _is_shown(key: str, request: Request) -> bool:
    return hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {key}".encode())


def _status(error: PresenceError) -> HTTPStatus:
    if isinstance(error, NotFound):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, CallerError):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.SERVICE_UNAVAILABLE
