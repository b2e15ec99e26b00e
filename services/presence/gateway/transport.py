"""TLS and mTLS, from PEM files."""

from pathlib import Path

import grpc

from presence.events.errors import CallerError
from presence.gateway.settings import GatewaySettings


def credentials(settings: GatewaySettings) -> grpc.ServerCredentials | None:
    """What the port is secured with; None for plain text. Raises CallerError if a file cannot be used."""
    if settings.cert_file is None or settings.key_file is None:
        return None
    pair = _pem(settings.key_file), _pem(settings.cert_file)
    client_ca = _pem(settings.client_ca_file) if settings.client_ca_file else None
    return grpc.ssl_server_credentials(
        [pair], root_certificates=client_ca, require_client_auth=client_ca is not None
    )


def _pem(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror}") from error
    if b"-----BEGIN " not in content:
        raise CallerError(f"{path} is no PEM file")
    return content
