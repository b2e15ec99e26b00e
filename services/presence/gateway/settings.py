"""What the gateway alone is told by its environment; what it shares with other processes is in `log.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from presence.events.errors import CallerError
from presence.log.loopback import is_loopback
from presence.log.settings import read

PREFIX = "PRESENCE_GATEWAY_"
PROCESSES_MAX = 256
REFRESH_S_MIN = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Every setting has the environment variable `PRESENCE_GATEWAY_` and its name in capitals."""

    processes: int = 1
    """That serve; one more writes what they read."""
    cert_file: Path | None = None
    """Our certificate with its chain (PEM); with `key_file` it makes every call TLS."""
    key_file: Path | None = None
    client_ca_file: Path | None = None
    """Who signs clients' certificates: with it, nobody without one may connect (mTLS)."""
    plaintext: bool = False
    """TLS ends in front of us: without it, no address but loopback is served without TLS."""
    callers_file: Path | None = None
    """Who has which API key or certificate, and what they may do (see `callers`)."""
    jwks_file: Path | None = None
    """The public keys that sign bearer tokens (RFC 7517)."""
    jwks_url: str = ""
    """Where the issuer publishes them, instead of a file: https, or http on this machine."""
    jwks_refresh_s: float = 300.0
    """How often they are fetched: for so long at most a key that was taken back is still good."""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    anonymous_scopes: str = ""
    """What callers without a credential may do, separated by commas, such as `scores.read`."""
    calls_per_s_max: float = 1_000.0
    """Of one caller, of each process; an entry of `callers_file` may say otherwise."""
    reflection: bool = True
    watch_retention_s: int = 12 * 3_600
    """How long erasures are remembered for watches that resume: half of what Kafka keeps a tombstone."""
    watch_bookmark_s: float = 10.0
    """How often a quiet watch is told how far it is."""
    watch_stall_s: float = 60.0
    """How long a watcher may read nothing before its watch is ended."""
    watches_max: int = 1_000
    """Of one caller, in each process."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "GatewaySettings":
        """Raises CallerError for a variable that is wrong, or for settings that contradict each other."""
        found = read(cls, env, PREFIX)
        if not 1 <= found.processes <= PROCESSES_MAX:
            raise CallerError(f"{PREFIX}PROCESSES must be 1 to {PROCESSES_MAX}")
        if (found.cert_file is None) != (found.key_file is None):
            raise CallerError(f"{PREFIX}CERT_FILE and {PREFIX}KEY_FILE go together")
        if found.client_ca_file is not None and found.cert_file is None:
            raise CallerError(f"{PREFIX}CLIENT_CA_FILE needs {PREFIX}CERT_FILE: mTLS is TLS first")
        if found.jwks_file is not None and found.jwks_url:
            raise CallerError(f"{PREFIX}JWKS_FILE and {PREFIX}JWKS_URL: one of them says who signs")
        if found.takes_tokens and not (found.jwt_issuer and found.jwt_audience):
            raise CallerError(
                f"{PREFIX}JWKS_FILE and {PREFIX}JWKS_URL need {PREFIX}JWT_ISSUER and {PREFIX}JWT_AUDIENCE"
            )
        if found.jwks_refresh_s < REFRESH_S_MIN:
            raise CallerError(f"{PREFIX}JWKS_REFRESH_S must be {REFRESH_S_MIN:g} at least")
        return found

    @property
    def asks_who_calls(self) -> bool:
        """Whether anything says who may call; without it, everybody who reaches us may do everything."""
        return bool(self.callers_file or self.takes_tokens or self.anonymous_scopes)

    @property
    def takes_tokens(self) -> bool:
        """Whether there are keys that sign bearer tokens."""
        return bool(self.jwks_file or self.jwks_url)

    def check_address(self, host: str) -> None:
        """Raises CallerError if `host` is reachable from elsewhere and the settings do not allow for that."""
        if is_loopback(host):
            return
        if not self.asks_who_calls:
            raise CallerError(
                f"{host} can be reached by others, and nothing says who may call: set {PREFIX}CALLERS_FILE,"
                f" {PREFIX}JWKS_FILE, {PREFIX}JWKS_URL or {PREFIX}ANONYMOUS_SCOPES, or listen on 127.0.0.1"
            )
        if self.cert_file is None and not self.plaintext:
            raise CallerError(
                f"{host} can be reached by others, and keys would travel in clear: set {PREFIX}CERT_FILE and"
                f" {PREFIX}KEY_FILE, or {PREFIX}PLAINTEXT=true if TLS ends in front of the gateway"
            )
