"""How to reach a gateway that asks who calls: TLS, and a credential that is never sent in clear."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from presence.events.errors import CallerError
from presence.log.loopback import is_loopback

OPTIONS = (
    ("grpc.max_receive_message_length", 16 * 2**20),
    # gRPC would wait up to two minutes before it tries a restarted gateway again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Despite its name: how long one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # A gateway whose machine has gone is noticed within a minute.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Nothing of it is needed for a gateway on this machine that asks for nothing."""

    tls: bool = False
    """Speak TLS; the files below imply it."""
    ca_file: Path | None = None
    """Who signs the gateway's certificate (PEM); without it, whom the system trusts."""
    cert_file: Path | None = None
    """Our own certificate, for mTLS; with `key_file`."""
    key_file: Path | None = None
    token: str = field(default="", repr=False)
    """An API key or a JWT."""

    def channel(self, address: str, *, asynchronous: bool = False) -> Any:
        """A channel to `address` (`host:port`); a `grpc.aio` one if `asynchronous`.

        Raises CallerError for a file that cannot be read, or for a token that would travel in clear.
        """
        side: Any = grpc.aio if asynchronous else grpc
        if self.tls or self.ca_file or self.cert_file:
            return side.secure_channel(address, self._credentials(), options=OPTIONS)
        if self.token and not is_loopback(address.rpartition(":")[0]):
            raise CallerError(f"a token goes to {address} only over TLS: set tls or ca_file")
        return side.insecure_channel(address, options=OPTIONS)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def _credentials(self) -> grpc.ChannelCredentials:
        ca, key, cert = (
            _content(path) if path else None for path in (self.ca_file, self.key_file, self.cert_file)
        )
        return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=cert)


NONE = Access()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror}") from error
