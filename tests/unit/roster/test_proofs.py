"""Proofs of accounts against a web server on a real socket: what is believed, and where nobody is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from presence.events.errors import CallerError
from presence.roster.keys import DataKey
from presence.roster.people import Proof
from presence.roster.proofs import PAGE_BYTES_MAX, NotProved, Prover

CODE = DataKey(bytes(32)).proof_code("bluesky", "did:plc:ada")
PAGES = {
    "/profile?actor=did:plc:ada": (200, "application/json", json.dumps({"description": f"hello {CODE}"})),
    "/profile?actor=did:plc:bo": (200, "application/json", json.dumps({"description": "hello"})),
    "/me": (
        200,
        "text/html",
        f'<html><a class=x REL="nofollow me" href="https://presence.example/{CODE}">me</a>',
    ),
    "/head": (200, "text/html", f'<link rel="me" href="presence:{CODE}">'),
    "/comment": (200, "text/html", f'<p>{CODE}</p><a href="https://presence.example/{CODE}">x</a>'),
    "/moved": (302, "text/html", "/me"),
    "/loop": (302, "text/html", "/loop"),
    "/away": (302, "text/html", "file:///etc/passwd"),
    "/long": (200, "text/html", "x" * (PAGE_BYTES_MAX + 1) + f'<a rel="me" href="{CODE}">'),
    "/broken": (500, "text/html", CODE),
}


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, kind, body = PAGES.get(self.path, (404, "text/html", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", body)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.mark.parametrize("path", ["/me", "/head", "/moved"])
def test_a_rel_me_link_with_the_code_proves_a_page(url: str, path: str) -> None:
    Prover(allow_private=True).prove(Proof.REL_ME, "other", url + path, CODE)


@pytest.mark.parametrize("path", ["/comment", "/loop", "/away", "/long", "/broken", "/none"])
def test_anything_else_on_a_page_does_not(url: str, path: str) -> None:
    with pytest.raises(NotProved):
        Prover(allow_private=True).prove(Proof.REL_ME, "other", url + path, CODE)


def test_a_code_in_the_profile_proves_its_account_alone(url: str) -> None:
    prover = Prover(allow_private=True, profiles={"bluesky": url + "/profile?actor={}"})
    prover.prove(Proof.PROFILE_CODE, "bluesky", "did:plc:ada", CODE)
    with pytest.raises(NotProved, match="does not show"):
        prover.prove(Proof.PROFILE_CODE, "bluesky", "did:plc:bo", CODE)
    with pytest.raises(NotProved, match="others may write"):
        prover.prove(Proof.PROFILE_CODE, "other", url + "/comment", CODE)


@pytest.mark.parametrize(
    "page",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://224.0.0.1/",
        "http://1.1.1.1:9092/",
        "http://user@1.1.1.1/",
        "https://",
        "http://[x/",
    ],
)
def test_nobody_is_sent_into_a_private_network(page: str) -> None:
    with pytest.raises(NotProved):
        Prover().prove(Proof.REL_ME, "other", page, CODE)


def test_a_redirect_is_checked_as_well(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first address is let through, as a public page that redirects to this machine would be."""
    from presence.roster import proofs  # noqa: PLC0415

    answers = iter([True, False])
    monkeypatch.setattr(proofs, "_is_public", lambda _address: next(answers))
    monkeypatch.setattr(proofs, "PORTS", {"http": int(url.rpartition(":")[2])})
    with pytest.raises(NotProved, match="private network"):
        Prover().prove(Proof.REL_ME, "other", url + "/moved", CODE)


def test_networks_that_show_nothing_need_an_operator() -> None:
    for network, native in (("linkedin", "urn:li:person:ada"), ("x", "7")):
        with pytest.raises(CallerError, match="vouch"):
            Prover().prove(Proof.PROFILE_CODE, network, native, CODE)
    with pytest.raises(CallerError, match="proved by"):
        Prover().prove(Proof.VOUCHED, "x", "7", CODE)


def test_a_code_is_of_one_person_and_one_account() -> None:
    key, other = DataKey(bytes(32)), DataKey(bytes(31) + b"1")
    assert len({key.proof_code("x", "1"), key.proof_code("x", "2"), other.proof_code("x", "1")}) == 3
