"""The dashboards' JSON: what the code makes, with fixed ids, laid out without overlap, and about nobody in Prometheus."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard

from presence.log.metrics import REGISTRIES

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
RULES = [(ROOT / "deploy/prometheus/rules" / name).read_text() for name in ("sli.yml", "alerts.yml")]
OUR_NAMES = re.compile(r"\b(?:presence_\w+|grpc_server_\w+|process_\w+|presence:[\w:]+)\b")
SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")


def known() -> set[str]:
    recorded = {name for text in RULES for name in re.findall(r"record: (\S+)", text)}
    declared = {metric.name for registry in REGISTRIES.values() for metric in registry.collect()}
    return recorded | {name + suffix for name in declared for suffix in SUFFIXES}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for row in board["panels"] for panel in (row, *row.get("panels", ()))]


def test_there_is_a_dashboard_of_each_part_with_an_id_of_its_own() -> None:
    boards = [json.loads(file.read_bytes()) for file in FILES]
    assert {board["uid"] for board in boards} == {f"presence-{file.stem}" for file in FILES}
    assert {file.stem for file in FILES} >= {"overview", "networks", "scoring", "gateway", "person"}


def test_the_committed_json_is_what_the_code_makes() -> None:
    script = ROOT / "deploy/grafana/dashboards.py"
    ran = subprocess.run([sys.executable, script, "--check"], check=False, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_grafanas_model_reads_it_and_gives_it_back(file: Path) -> None:
    board = json.loads(file.read_bytes())
    read = Dashboard.from_json(board)
    assert read.uid == board["uid"]
    assert len(read.panels or []) == len(board["panels"])
    assert board["editable"] is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_panel_covers_another(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(json.loads(file.read_bytes())):
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_metric_in_a_panel_or_rule_is_declared() -> None:
    asked = [
        target.get("expr", "")
        for file in FILES
        for panel in panels(json.loads(file.read_bytes()))
        for target in panel.get("targets", ())
    ]
    used = {name for text in (*asked, *RULES) for name in OUR_NAMES.findall(text)}
    assert len(used) > 30
    assert used - known() == set()


def test_one_person_is_asked_of_the_gateway_and_never_of_prometheus() -> None:
    board = json.loads((ROOT / "deploy/grafana/dashboards/person.json").read_bytes())
    assert {target["datasource"]["uid"] for panel in panels(board) for target in panel["targets"]} == {
        "presence-people"
    }
    others = [file.read_text() for file in FILES if file.stem != "person"]
    assert not any("${person}" in text for text in others)
