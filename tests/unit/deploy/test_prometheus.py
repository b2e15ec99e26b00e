"""The alerts: each is tried by promtool, and each leads to a page that is there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ALERTS = (ROOT / "deploy/prometheus/rules/alerts.yml").read_text()
TESTS = sorted((ROOT / "deploy/prometheus/tests").glob("*_test.yml"))


def test_every_alert_has_a_runbook_that_says_what_to_do() -> None:
    names = re.findall(r"alert: (\w+)", ALERTS)
    pages = re.findall(r"runbook: (\S+)", ALERTS)
    assert len(names) == len(pages) > 10
    for page in set(pages):
        text = (ROOT / page).read_text()
        assert "## What people notice" in text, page
        assert "## What to do" in text, page
        assert "```" in text, f"{page} has no command"
    for name, page in zip(names, pages, strict=True):
        assert name in (ROOT / page).read_text(), f"{page} does not name {name}"


def test_every_alert_fires_in_a_test() -> None:
    told = "".join(file.read_text() for file in TESTS)
    fired = re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", told)
    assert set(re.findall(r"alert: (\w+)", ALERTS)) == set(fired)


def test_promtool_finds_the_rules_right_and_the_alerts_fire() -> None:
    if shutil.which("promtool") is None and os.environ.get("CI") != "true":
        pytest.skip("promtool is missing: apt-get install prometheus")
    ran = subprocess.run(["promtool", "test", "rules", *TESTS], check=False, capture_output=True)
    assert ran.returncode == 0, ran.stdout.decode() + ran.stderr.decode()
