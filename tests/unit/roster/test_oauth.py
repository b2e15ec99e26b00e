"""OAuth's device flow against a server that speaks GitHub's wire format on a real socket: whom it proves, and whom not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from presence.events.errors import CallerError
from presence.roster.oauth import GRANT, Asked, Device, Flow
from presence.roster.proofs import NotProved

CODES = {
    "device_code": "3584d83530557fdd1f46af8289938c8ef79f9dc5",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://github.com/login/device",
    "expires_in": 60,
    "interval": 5,
}
TOKEN = {"access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "token_type": "bearer", "scope": ""}
PENDING, SLOW = {"error": "authorization_pending"}, {"error": "slow_down", "interval": 10}


class _Network(ThreadingHTTPServer):
    """Answers with `codes`, then to each question for a token with the next of `answers`, then that it is `login`."""

    def __init__(self, codes: Any, answers: list[Any], login: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.codes, self.answers, self.login = codes, answers, login
        self.asked: list[dict[str, list[str]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Network

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(parse_qs(body))
        self._say(200, self.server.codes if self.path == "/login/device/code" else self.server.answers.pop(0))

    def do_GET(self) -> None:
        known = self.path == "/user" and self.headers["Authorization"] == f"Bearer {TOKEN['access_token']}"
        self._say(200, {"login": self.server.login}) if known else self._say(
            401, {"message": "Bad credentials"}
        )

    def _say(self, status: int, told: Any) -> None:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def network(
    answers: list[Any], login: Any = "Octocat", codes: Any = CODES
) -> Iterator[tuple[_Network, Device, list[float]]]:
    server = _Network(codes, answers, login)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    waits: list[float] = []
    flow = Flow(f"{url}/login/device/code", f"{url}/login/oauth/access_token", f"{url}/user", "login")
    try:
        yield server, Device("Iv1.client", {"github": flow}, waits.append), waits
    finally:
        server.shutdown()
        server.server_close()


def test_who_enters_the_code_is_believed_to_be_who_the_network_says() -> None:
    told: list[Asked] = []
    with network([PENDING, SLOW, PENDING, TOKEN]) as (server, device, waits):
        device.prove("github", "octocat", told.append)
    assert told == [Asked("WDJB-MJHT", "https://github.com/login/device", 60)]
    assert waits == [5, 5, 10, 10], "as long as the network asks for, more after slow_down"
    assert server.asked[0] == {"client_id": ["Iv1.client"]}, "no right is asked for"
    assert server.asked[-1] == {
        "client_id": ["Iv1.client"], "device_code": [CODES["device_code"]], "grant_type": [GRANT]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "login", "why"),
    [
        ([TOKEN], "mallory", "another account"),
        ([TOKEN], None, "another account"),
        ([{"error": "access_denied"}], "octocat", "did not agree: access_denied"),
        ([{"error": "expired_token"}], "octocat", "did not agree: expired_token"),
        ([PENDING] * 12, "octocat", "not entered in time"),
        ([b"<html>"], "octocat", "no JSON"),
        ([b"[]"], "octocat", "no JSON"),
        ([b'"' + b"x" * 2**17 + b'"'], "octocat", "too long"),
        ([{"access_token": "of somebody else"}], "octocat", "another account"),
    ],
)
def test_anybody_else_is_not(answers: list[Any], login: Any, why: str) -> None:
    with network(answers, login) as (_, device, _waits), pytest.raises(NotProved, match=why):
        device.prove("github", "octocat", lambda _: None)


@pytest.mark.parametrize("codes", [{}, {"error": "device_flow_disabled"}, CODES | {"expires_in": "soon"}])
def test_a_network_that_gives_no_code_proves_nothing(codes: Any) -> None:
    with network([], codes=codes) as (_, device, _waits), pytest.raises(NotProved, match="gave no code"):
        device.prove("github", "octocat", lambda _: None)


def test_a_network_that_is_away_proves_nothing() -> None:
    with network([]) as (_, device, _waits):
        pass
    with pytest.raises(NotProved, match="out of reach"):
        device.prove("github", "octocat", lambda _: None)


@pytest.mark.parametrize(("client", "named"), [("Iv1.client", "linkedin"), ("", "github")])
def test_where_there_is_no_flow_or_no_client_it_says_so(client: str, named: str) -> None:
    with pytest.raises(CallerError) as refused:
        Device(client).prove(named, "octocat", lambda _: None)
    assert not isinstance(refused.value, NotProved)
