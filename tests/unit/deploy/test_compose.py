"""docker-compose.yml: bounded, hardened, by exact tags, and what Prometheus looks for is there."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TARGETS = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
WRITES = {"kafka": "its image writes its configuration at each start"}


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_bounded_watched_and_can_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["healthcheck"]["test"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only") or name in WRITES
    assert service["logging"]["options"]["max-size"]
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:"), f"{name} would be reachable by others"


def test_images_have_exact_tags_and_ours_a_stage_that_runs_as_nobody_in_particular() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    images = [service["image"] for service in SERVICES.values() if "image" in service]
    images += re.findall(r"^FROM (\S+:\S+) AS", dockerfile, re.MULTILINE)
    assert all(re.search(r":v?\d+\.\d+\.\d+", image) for image in images), images
    for service in SERVICES.values():
        if "build" in service:
            assert service["build"]["target"] in TARGETS
    assert "USER presence" in dockerfile


def test_prometheus_is_told_of_every_service_that_has_metrics() -> None:
    told = json.loads((ROOT / "deploy/prometheus/targets/compose.json").read_bytes())
    hosts = {target.partition(":")[0] for entry in told for target in entry["targets"]}
    measured = {
        name
        for name, service in SERVICES.items()
        if "PRESENCE_METRICS" in service.get("environment", {}) and "profiles" not in service
    }
    assert hosts == measured


def test_dockers_own_client_finds_it_right() -> None:
    client = shutil.which("docker")
    if (
        client is None
        or subprocess.run([client, "compose", "version"], check=False, capture_output=True).returncode
    ):
        pytest.skip("docker compose is not here")
    environment = os.environ | dict.fromkeys(
        ("PRESENCE_MASTER_KEY", "PRESENCE_WEB_KEY", "GRAFANA_PASSWORD"), "x"
    )
    ran = subprocess.run(
        [client, "compose", "config", "--quiet"], cwd=ROOT, env=environment, check=False, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr.decode()
