"""Proof of an account by OAuth's device flow: its holder lets Presence ask the network once who they are.

Presence is a client of the network under an id of its own, so a token that was given to somebody else proves nothing
here. The token is asked for no rights, used once and forgotten.

RFC 8628, sections 3.1 to 3.5; https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#device-flow
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx
import msgspec

from presence.events.errors import CallerError
from presence.roster.proofs import NotProved

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 2**16
INTERVAL_S, SLOWER_S = 5, 5
"""Between two questions where the network names no other time, and how much more when it asks for patience."""
EXPIRES_S_MAX = 900


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a network gives codes, grants a token, and says `who` has it: the `field` of its answer, whatever its case."""

    codes: str
    grants: str
    who: str
    field: str


FLOWS: Mapping[str, Flow] = MappingProxyType(
    {
        "github": Flow(
            codes="https://github.com/login/device/code",
            grants="https://github.com/login/oauth/access_token",
            who="https://api.github.com/user",
            field="login",
        )
    }
)
"""By network; of those that Presence reads, the others have no device flow."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the holder has to do: enter `user_code` at `uri` within `expires_s`."""

    user_code: str
    uri: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class Device:
    """Presence as a client of a network. `pause` waits for so many seconds."""

    client_id: str
    flows: Mapping[str, Flow] = field(default_factory=lambda: FLOWS)
    pause: Callable[[float], None] = time.sleep

    def prove(self, network: str, native: str, tell: Callable[[Asked], None]) -> None:
        """Ask for a code, `tell` the holder of it, and wait until they have entered it.

        Raises NotProved unless it was `native` who did; CallerError where the network has no device flow or Presence
        is no client of it.
        """
        if network not in self.flows:
            raise CallerError(f"{network} has no OAuth for devices: prove it by a code, or by a rel=me link")
        if not self.client_id:
            raise CallerError(
                f"PRESENCE_{network.upper()}_OAUTH_CLIENT is not set: the id of an OAuth app with device flow"
            )
        flow = self.flows[network]
        with httpx.Client(timeout=TIMEOUT_S, headers={"Accept": "application/json"}) as client:
            given = _answer(client, "POST", flow.codes, data={"client_id": self.client_id})
            try:
                device_code, expires_s = (
                    str(given["device_code"]),
                    min(int(given["expires_in"]), EXPIRES_S_MAX),
                )
                tell(Asked(str(given["user_code"]), str(given["verification_uri"]), expires_s))
                interval_s = max(1, int(given.get("interval", INTERVAL_S)))
            except (KeyError, TypeError, ValueError) as error:
                raise NotProved(f"{network} gave no code: {_reason(given)}") from error
            token = self._token(client, flow, device_code, interval_s, expires_s)
            whose = _answer(client, "GET", flow.who, headers={"Authorization": f"Bearer {token}"}).get(
                flow.field
            )
        if not isinstance(whose, str) or whose.lower() != native.lower():
            raise NotProved("it was another account that agreed")

    def _token(
        self, client: httpx.Client, flow: Flow, device_code: str, interval_s: int, expires_s: int
    ) -> str:
        """The token, once the holder has agreed. Raises NotProved if they do not, or not in time."""
        asked = {"client_id": self.client_id, "device_code": device_code, "grant_type": GRANT}
        waited_s = 0
        while waited_s < expires_s:
            self.pause(interval_s)
            waited_s += interval_s
            given = _answer(client, "POST", flow.grants, data=asked)
            if token := given.get("access_token"):
                return str(token)
            if given.get("error") == "slow_down":
                interval_s += SLOWER_S
            elif given.get("error") != "authorization_pending":
                raise NotProved(f"the holder of the account did not agree: {_reason(given)}")
        raise NotProved("the code was not entered in time")


def _answer(client: httpx.Client, method: str, url: str, **request: Any) -> dict[str, Any]:
    """An object as JSON; also of a refusal, whose status is 400. Raises NotProved where there is none."""
    try:
        with client.stream(method, url, **request) as answer:
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise NotProved("the network's answer is too long")
        return msgspec.json.decode(body, type=dict[str, Any])
    except httpx.HTTPError as error:
        raise NotProved(f"the network is out of reach: {type(error).__name__}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotProved(f"the network answered with status {answer.status_code} and no JSON") from error


def _reason(given: Mapping[str, Any]) -> str:
    """The network's own word for what is wrong, of RFC 6749's characters only."""
    told = str(given.get("error", "no reason given"))[:60]
    return "".join(each for each in told if each.isascii() and each.isprintable())
