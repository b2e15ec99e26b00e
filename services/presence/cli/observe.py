"""Prometheus and Grafana beside the services, where they are installed: configured by the files of `deploy/`."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import presence
from presence.broker.ports import free_port
from presence.cli.supervise import Member, environment, python
from presence.events.errors import CallerError
from presence.log import exposition
from presence.log.settings import Settings

DEPLOY = Path(presence.__file__).parents[2] / "deploy"
"""In a checkout; an installed package has none, and then neither is started."""
OFF = "off"
ANSWER_S = 2.0
SCRAPE = "5s"
GRAFANA = ("grafana", "grafana-server")
GRAFANA_HOMES = (Path("/usr/share/grafana"), Path("/usr/local/share/grafana"))


def found_prometheus() -> str | None:
    """Where the program is; None if it is not installed, or nothing here could configure it."""
    return shutil.which("prometheus") if DEPLOY.is_dir() else None


def found_grafana() -> tuple[str, Path] | None:
    """The program and its folder; None if it is not installed."""
    program = next(filter(None, map(shutil.which, GRAFANA)), None)
    home = next((each for each in GRAFANA_HOMES if each.is_dir()), None)
    return (program, home) if program and home and DEPLOY.is_dir() else None


def members(settings: Settings, prometheus: str, grafana: str) -> Iterator[Member]:
    """What is to run beside the services; `prometheus` and `grafana`: where they listen, or `off`.

    Port 0 takes a free one. Raises CallerError for an address that is none or is taken.
    """
    folder = settings.data / "prometheus"
    (folder / "address").unlink(missing_ok=True)
    exposition.sweep(settings)
    program = found_prometheus()
    if program is None or prometheus == OFF:
        return
    listening = _free(prometheus)
    config = write_config(settings, folder)
    yield Member(
        name="prometheus",
        command=[
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={listening}",
            "--storage.tsdb.retention.size=512MB",
            "--log.level=warn",
        ],
        environment=environment(),
        needed=False,
    )
    (folder / "address").write_text(listening, encoding="utf-8")
    there = found_grafana()
    if there is not None and grafana != OFF:
        web = f"127.0.0.1:{free_port()}"
        command = python("presence.cli.main", "web", "--listen", web)
        yield Member(name="web", command=command, environment=environment(), needed=False)
        yield _grafana(settings, there, _free(grafana), listening, web)


def prometheus_address(settings: Settings) -> str | None:
    """Where the Prometheus of this data folder listens; None if none does."""
    file = settings.data / "prometheus" / "address"
    if not file.exists():
        return None
    address = file.read_text(encoding="utf-8")
    try:
        socket.create_connection(exposition.host_and_port(address), ANSWER_S).close()
    except OSError:
        return None
    return address


def write_config(settings: Settings, folder: Path) -> Path:
    """Deploy's configuration with the folders of this machine, and looking more often; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    exposition.folder(settings).mkdir(exist_ok=True)  # Prometheus watches it from its start, or not at all.
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    for ours, theirs in (
        ("/etc/prometheus/rules/*.yml", json.dumps(f"{DEPLOY}/prometheus/rules/*.yml")),
        ("/presence/metrics/*.json", json.dumps(f"{exposition.folder(settings).absolute()}/*.json")),
        ("_interval: 15s", f"_interval: {SCRAPE}"),
        ("refresh_interval: 1m", f"refresh_interval: {SCRAPE}"),
    ):
        assert ours in text, f"deploy/prometheus/prometheus.yml has no {ours} any more"
        text = text.replace(ours, theirs)
    config = folder / "prometheus.yml"
    config.write_text(text, encoding="utf-8")
    return config


def _grafana(settings: Settings, there: tuple[str, Path], address: str, prometheus: str, web: str) -> Member:
    program, home = there
    folder = settings.data / "grafana"
    folder.mkdir(parents=True, exist_ok=True)
    host, port = exposition.host_and_port(address)
    told = {
        "GF_SERVER_HTTP_ADDR": host,
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_PATHS_DATA": str(folder),
        "GF_PATHS_LOGS": str(folder / "log"),
        "GF_PATHS_PROVISIONING": str(DEPLOY / "grafana" / "provisioning"),
        "GF_LOG_LEVEL": "warn",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "PRESENCE_PROMETHEUS_URL": f"http://{prometheus}",
        "PRESENCE_WEB_URL": f"http://{web}",
        "PRESENCE_DASHBOARDS": str(DEPLOY / "grafana" / "dashboards"),
    }
    server = [program, "server"] if Path(program).name == "grafana" else [program]
    return Member(
        name="grafana",
        command=[*server, f"--homepath={home}"],
        environment=environment(**told),
        needed=False,
    )


def _free(address: str) -> str:
    """The address with its number. Raises CallerError if somebody listens there."""
    host, port = exposition.host_and_port(address)
    if not port:
        return f"{host}:{free_port()}"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CallerError(
                f"{address}: {error.strerror}; `--prometheus 127.0.0.1:0` and `--grafana 127.0.0.1:0` take free "
                f"ports, `{OFF}` goes without"
            ) from error
    return address
