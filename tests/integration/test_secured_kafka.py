"""A cluster that asks for TLS and a password: every service reaches it by the settings that the README names."""

import datetime as dt
import ipaddress
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from presence.broker import Broker
from presence.broker.jars import default_cache_folder, ensure_jars
from presence.broker.java import launch
from presence.broker.ports import free_port
from presence.broker.record import read_record, write_record
from presence.client import Client
from presence.events.errors import PresenceError, SourceUnavailable
from presence.events.vocabulary import Network, PersonKind
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

SECURE = """\
listeners={plain},SECURE://127.0.0.1:{port}
advertised.listeners={plain},SECURE://127.0.0.1:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
listener.name.secure.sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_ada="s3cret";
"""


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, alone and with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(shown)
    (folder / "keystore.pem").write_bytes(secret + shown)
    return folder / "ca.pem", folder / "keystore.pem"


@pytest.fixture
def secured(tmp_path: Path, namespace: str) -> Iterator[Settings]:
    """A broker with one more listener, SASL_SSL; the settings know only that one."""
    ca, keystore = write_certificate(tmp_path)
    broker = Broker(tmp_path / "broker")
    broker.start()
    broker.stop()
    record = read_record(broker.data_folder)
    assert record is not None
    port = free_port(besides=record.port)
    plain = f"BROKER://127.0.0.1:{record.port},CONTROLLER://127.0.0.1:{record.controller_port}"
    properties = broker.data_folder / "server.properties"
    with properties.open("a") as file:
        file.write(SECURE.format(plain=plain, port=port, keystore=keystore))
    pid = launch(
        ensure_jars(default_cache_folder()), properties, broker.data_folder, tmp_path / "console.log"
    )
    write_record(broker.data_folder, replace(record, pid=pid))
    while not broker.status().running:
        time.sleep(0.1)
    yield Settings(
        kafka=f"127.0.0.1:{port}",
        kafka_security="SASL_SSL",
        kafka_ca_file=ca,
        kafka_sasl_user="ada",
        kafka_sasl_password="s3cret",
        namespace=namespace,
        data=tmp_path / "data",
        gateway=f"127.0.0.1:{free_port()}",
    )
    broker.stop()


def test_enrolling_scoring_and_serving_by_tls_and_password(
    secured: Settings, spawn: Callable[..., "Popen[bytes]"]
) -> None:
    ensure_topics(secured)
    spawn("presence.scoring", secured)
    spawn("presence.gateway", secured)
    master = MasterKey.load(secured)
    follower = Follower(secured, master)
    enrolment = Enrolment(secured, master, follower)
    newcomer = NewPerson(PersonKind.BUSINESS, Network("bluesky"), "did:plc:a", ConsentBasis.GRANTED)
    person = enrolment.enrol([newcomer])[0]
    enrolment.close()
    follower.close()
    with Client(secured.gateway) as client:
        assert _eventually(lambda: client.get_score(person).kind) == PersonKind.BUSINESS
    with pytest.raises(SourceUnavailable):
        ensure_topics(replace(secured, kafka_sasl_password="guess"))


def _eventually(look: Callable[[], PersonKind], within_s: float = 60) -> PersonKind:
    deadline = time.monotonic() + within_s
    while True:
        try:
            return look()
        except PresenceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
