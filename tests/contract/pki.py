"""Certificates and token signing keys for the tests: made anew for each, valid for an hour."""

import datetime as dt
import ipaddress
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = dt.timedelta(hours=1)
ISSUER, AUDIENCE = "https://issuer.example", "presence"


@dataclass
class Pair:
    """A certificate and its key, and where they are as PEM files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    cert_file: Path
    key_file: Path


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.own = self._issue(name, None)

    def issue(self, name: str) -> Pair:
        return self._issue(name, self.own)

    def _issue(self, name: str, issuer: Pair | None) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [
            x509.DNSName(name),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - HOUR)
            .not_valid_after(now + HOUR)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(issuer.key if issuer else key, hashes.SHA256())
        )
        pair = Pair(certificate, key, self._folder / f"{name}.crt", self._folder / f"{name}.key")
        pair.cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair


class Issuer:
    """Signs tokens, and publishes its key as a JWKS file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.kid = uuid.uuid4().hex
        row = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        file.write_text(json.dumps({"keys": [row | {"kid": self.kid, "alg": "ES256", "use": "sig"}]}))

    def token(self, scope: str, *, age_s: int = 0, **claims: Any) -> str:
        """A token that is valid for an hour; `age_s` ago it was made."""
        now = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age_s)
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "exp": now + HOUR, "scope": scope}
        return jwt.encode(body | claims, self.key, algorithm="ES256", headers={"kid": self.kid})
