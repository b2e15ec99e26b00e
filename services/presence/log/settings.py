"""What a process of Presence is told by its environment, typed and checked once at its start."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec

from presence.events.errors import CallerError
from presence.log.topics import Topics

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
PREFIX = "PRESENCE_"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting has the environment variable `PRESENCE_` and its name in capitals.

    A secret can stand in a file instead: `PRESENCE_<NAME>_FILE` names it.
    """

    kafka: str = "127.0.0.1:9092"
    """Bootstrap servers, comma separated."""
    kafka_security: Security = "PLAINTEXT"
    kafka_ca_file: Path | None = None
    kafka_cert_file: Path | None = None
    kafka_key_file: Path | None = None
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_sasl_user: str = ""
    kafka_sasl_password: str = field(default="", repr=False)
    namespace: str = "presence"
    """First part of every topic, group and transaction name: two deployments can share a cluster."""
    partitions: int = 4
    """Of the activity and scores topics, when they are created."""
    replication: int = 1
    data: Path = field(default_factory=lambda: Path.home() / ".local" / "share" / "presence")
    """Where this machine's state lives; all of it but the master key can be rebuilt from the log."""
    master_key: str = field(default="", repr=False)
    """32 bytes in base64; without it the file `master.key` in `data`."""
    gateway: str = "127.0.0.1:50051"
    """Where the gateway listens, and where clients find it."""
    model: Path | None = None
    """The scoring model's file; without one the packaged presence-1."""
    variant: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{0,20}$")] = ""
    """Names a second scoring of the same log beside the first, with state and scores of its own: for another model."""
    worker: str = "0"
    """Names this scoring worker in its group, so that after a restart it has its partitions back at once; each
    worker needs its own."""
    query: str = "127.0.0.1:0"
    """Where this scoring worker answers interactive queries (port 0: any free one), by a name that gateways reach it by."""
    query_secret: str = field(default="", repr=False)
    """What gateways show to scoring workers; needed where these listen on another address than loopback."""
    publish_delay_ms: int = 200
    """How long a changed score may wait for more changes before it is published."""
    snapshots: str = ""
    """Where scoring keeps copies of its state: a URL such as `file:///srv/snapshots` or `s3://bucket/presence`, with
    the credentials that its scheme finds in the environment; by default the folder `snapshots` in `data`."""
    snapshot_interval_s: int = 3_600
    """How often scoring takes them; 0 for never."""
    archive: str = ""
    """Where the archive of the activity log is: a URL as for `snapshots`; by default the folder `archive` in `data`."""
    archive_flush_s: Annotated[int, msgspec.Meta(ge=1)] = 300
    """How old a record may be before the archiver writes it, if nothing else makes it write."""
    archive_purge_s: Annotated[int, msgspec.Meta(ge=1)] = 3_600
    """How long the archiver may wait before it takes somebody who was erased out of what is written."""
    renew_s: Annotated[float, msgspec.Meta(ge=0.1)] = 30.0
    """How long who was erased may stay in unused pages of scoring's stores and of the gateway's read model, and in older
    snapshots."""
    moderator: str = "rules"
    """Who reads at ingest what the enrolled publish: a moderator that is installed, or `none`."""
    log_format: Literal["console", "json"] = "console"
    metrics: str = "127.0.0.1:0"
    """Where a process serves its metrics; port 0 takes a free one, and nothing serves none (see log.exposition)."""

    @property
    def topics(self) -> Topics:
        """The names of this deployment's topics."""
        return Topics(self.namespace, self.suffix)

    @property
    def suffix(self) -> str:
        """What sets apart the names of a variant's scores, state and groups."""
        return f"-{self.variant}" if self.variant else ""

    @property
    def scoring(self) -> Path:
        """The folder of scoring's state on this machine."""
        return self.data / f"scoring{self.suffix}"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """The settings that `env` holds.

        Raises CallerError that names the variable if one is not of its type, is unknown, or its file
        cannot be read.
        """
        return read(cls, env, PREFIX)

    @property
    def snapshots_url(self) -> str:
        """Where the snapshots are."""
        return self.snapshots or (self.data / "snapshots").absolute().as_uri()

    @property
    def archive_url(self) -> str:
        """Where the archive is."""
        return self.archive or (self.data / "archive").absolute().as_uri()

    def kafka_options(self) -> dict[str, Any]:
        """The connection part of any kafka-python client's configuration."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.kafka.split(","),
            "security_protocol": self.kafka_security,
        }
        if "SSL" in self.kafka_security:
            options["ssl_context"] = self.ssl_context()
        if "SASL" in self.kafka_security:
            options |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_sasl_user,
                "sasl_plain_password": self.kafka_sasl_password,
            }
        return options

    def ssl_context(self) -> ssl.SSLContext:
        """Verifies the broker by `kafka_ca_file` (or the system's), and shows our certificate if there is one."""
        context = ssl.create_default_context(cafile=self.kafka_ca_file)
        if self.kafka_cert_file is not None:
            context.load_cert_chain(self.kafka_cert_file, self.kafka_key_file)
        return context


def read(wanted: type[T], env: Mapping[str, str], prefix: str) -> T:
    """The dataclass `wanted`, each field from the variable of `prefix` and its name in capitals.

    Raises CallerError that names the variable if one is not of its type, is unknown, or its file
    cannot be read.
    """
    given: dict[str, Any] = {}
    for name in get_type_hints(wanted):
        text = from_env(env, prefix + name.upper())
        if text is not None:
            given[name] = text
    try:
        return msgspec.convert(given, wanted, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise CallerError(f"a {prefix}* environment variable is wrong: {error}") from error


def from_env(env: Mapping[str, str], variable: str) -> str | None:
    """What `variable` holds, or the file that `variable_FILE` names; None if neither is set.

    Raises CallerError if the file cannot be read.
    """
    if (text := env.get(variable)) is not None:
        return text
    if (file := env.get(f"{variable}_FILE")) is None:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise CallerError(f"{variable}_FILE: {error}") from error


def _path(wanted: type, value: object) -> object:
    if wanted is Path or issubclass(wanted, Path):
        return Path(str(value)).expanduser()
    raise NotImplementedError(wanted)
