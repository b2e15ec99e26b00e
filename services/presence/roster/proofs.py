"""Whether an account shows the code that its person was given: in its public profile, or by a `rel="me"` link of its page.

The code is made of the person's key (`DataKey.proof_code`), so nothing is stored about an account that is not linked.
A page is fetched with bounds in bytes, time and redirects, and never from this machine or a private network, whatever a
name resolves to or a page redirects to, unless the operator allows for it.

https://microformats.org/wiki/rel-me
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from types import MappingProxyType
from urllib.parse import quote, urljoin, urlsplit

import httpx

from presence.events.errors import CallerError
from presence.roster.people import Proof

PAGE_BYTES_MAX = 2**20
FETCH_S_MAX = 10.0
REDIRECTS_MAX = 5
PORTS = MappingProxyType({"http": 80, "https": 443})
PROFILES: Mapping[str, str] = MappingProxyType(
    {
        # https://docs.bsky.app/docs/api/app-bsky-actor-get-profile
        "bluesky": "https://public.api.bsky.app/xrpc/app.bsky.actor.getProfile?actor={}",
        # https://docs.github.com/en/rest/users/users#get-a-user
        "github": "https://api.github.com/users/{}",
    }
)
"""Where a network shows what an account says of itself, and nobody else can write. An account that is a web address
is its own."""
ACCEPT = MappingProxyType(
    {
        Proof.PROFILE_CODE: "application/activity+json, application/json;q=0.9",
        Proof.REL_ME: "text/html",
    }
)
_MOVED = {301, 302, 303, 307, 308}


class NotProved(CallerError):
    """The account does not show the code, or its page cannot be read."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Looks at accounts. `allow_private`: pages on this machine and in private networks, and any port, may be read."""

    allow_private: bool = False
    profiles: Mapping[str, str] = field(default_factory=lambda: PROFILES)

    def prove(self, proof: Proof, network: str, native: str, code: str) -> None:
        """Raises NotProved unless the account shows `code` in that way, CallerError if this way cannot be taken for it."""
        if proof not in ACCEPT:
            raise CallerError(
                "an account is proved by a code in its profile, or by a rel=me link of its page"
            )
        url = self._page(proof, network, native)
        body = self._fetched(url, ACCEPT[proof])
        if proof == Proof.PROFILE_CODE and _is_html(body):
            raise NotProved("what was found is a page, on which others may write: a rel=me link proves it")
        shown = code in body if proof == Proof.PROFILE_CODE else any(code in each for each in _rel_me(body))
        if not shown:
            raise NotProved(f"the account does not show {code} yet")

    def _page(self, proof: Proof, network: str, native: str) -> str:
        if native.startswith(("https://", "http://")):
            # A blog goes by its feed, and its page is where the feed stands.
            return urljoin(native, ".") if network == "blog" else native
        name, _, host = native.partition("@")
        if network == "mastodon" and host:
            # https://docs.joinmastodon.org/methods/accounts/#lookup
            path = (
                f"@{quote(name)}" if proof == Proof.REL_ME else f"api/v1/accounts/lookup?acct={quote(name)}"
            )
            return f"https://{host}/{path}"
        if proof == Proof.PROFILE_CODE and network in self.profiles:
            return self.profiles[network].format(quote(native, safe=":"))
        raise CallerError(
            f"an account on {network} cannot be looked at in this way: an operator has to vouch for it"
        )

    def _fetched(self, url: str, accept: str) -> str:
        deadline = time.monotonic() + FETCH_S_MAX
        timeout = httpx.Timeout(FETCH_S_MAX / 2)
        target, headers, extensions = self._checked(url)
        with httpx.Client(verify=_authorities(), timeout=timeout, trust_env=False) as client:
            for _ in range(REDIRECTS_MAX + 1):
                try:
                    headers |= {"Accept": accept, "User-Agent": "Presence"}
                    with client.stream("GET", target, headers=headers, extensions=extensions) as answer:
                        if answer.status_code in _MOVED:
                            url = urljoin(url, answer.headers.get("location", ""))
                        else:
                            return _body(answer, deadline)
                except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                    raise NotProved(f"the account's page is out of reach: {type(error).__name__}") from error
                target, headers, extensions = self._checked(url)
        raise NotProved("the account's page redirects without end")

    def _checked(self, url: str) -> tuple[str, dict[str, str], dict[str, str]]:
        """The address to connect to, as a URL, and what goes with it; the name is resolved once, and that is what is used.

        Raises NotProved for what must not be connected to.
        """
        try:
            parts = urlsplit(url)
            host, default, given = parts.hostname, PORTS.get(parts.scheme), parts.port
        except ValueError as error:
            raise NotProved("the account's page is no web address") from error
        if default is None or not host or parts.username is not None:
            raise NotProved("the account's page is no web address")
        port = given or default
        if port not in PORTS.values() and not self.allow_private:
            raise NotProved("the account's page is on a port where web pages are not")
        try:
            found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as error:
            raise NotProved("the account's page has no address") from error
        addresses = [ipaddress.ip_address(str(each).partition("%")[0]) for each in found]
        if not self.allow_private and not all(_is_public(each) for each in addresses):
            raise NotProved("the account's page is in a private network, where Presence does not look")
        first = min(addresses, key=lambda each: (each.version, int(each)))
        netloc = f"[{first}]" if first.version == 6 else str(first)
        target = parts._replace(netloc=f"{netloc}:{port}", fragment="").geturl()
        shown = host if port == default else f"{host}:{port}"
        return target, {"Host": shown}, {"sni_hostname": host}


@cache
def _authorities() -> ssl.SSLContext:
    """Whom certificates are believed by; to read them takes longer than to fetch a page."""
    return ssl.create_default_context()


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is an address of the public internet, also in an IPv6 disguise of an IPv4 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _is_public(inner)
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return address.is_global and not address.is_multicast


def _body(answer: httpx.Response, deadline: float) -> str:
    if answer.status_code != 200:
        raise NotProved(f"the account's page answered with status {answer.status_code}")
    body = bytearray()
    for part in answer.iter_bytes():
        body += part
        if len(body) > PAGE_BYTES_MAX or time.monotonic() > deadline:
            raise NotProved("the account's page is too long, or comes too slowly")
    return body.decode(errors="replace")


def _is_html(body: str) -> bool:
    return body.lstrip()[:1] == "<"


def _rel_me(body: str) -> list[str]:
    """Where the links of the relation `me` lead."""
    parser = _Links()
    parser.feed(body)
    return parser.found


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in {"a", "link"} and "me" in (told.get("rel") or "").lower().split():
            self.found.append(told.get("href") or "")
