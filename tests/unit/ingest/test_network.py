"""What is known of each network that is installed, and what the doctor makes of it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from presence.cli.main import app
from presence.events.errors import CallerError
from presence.ingest.network import all_needs, given, known, missing, names

PAGE = (Path(__file__).parents[3] / "docs" / "networks.md").read_text()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what whoever runs the tests has set."""
    for variable in [each for each in os.environ if each.startswith("PRESENCE_")]:
        monkeypatch.delenv(variable)


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments), env=env or {})
    return done.exit_code, done.output


@pytest.mark.parametrize("name", names())
def test_every_network_says_how_it_is_used(name: str) -> None:
    network = known(name)
    assert re.fullmatch(r"[a-z0-9_-]{1,32}", name)
    assert network.title in PAGE or name in PAGE
    variables = [need.variable for need in all_needs(network)]
    assert len(set(variables)) == len(variables)
    for need in all_needs(network):
        assert need.variable.startswith("PRESENCE_")
        assert "https://" in need.where


def test_what_is_not_installed_is_told_with_what_is() -> None:
    with pytest.raises(CallerError, match=r"friendster is no network .* bluesky, .*linkedin"):
        known("friendster")


def test_a_need_is_met_by_a_variable_or_a_file_that_it_names(tmp_path: Path) -> None:
    needs = all_needs(known("yelp"))
    (variable,) = (need.variable for need in needs)
    (file := tmp_path / "key").write_text("secret\n")
    assert [need.variable for need in missing(needs, {})] == [variable]
    assert [need.variable for need in missing(needs, {variable: ""})] == [variable]
    assert given(needs, {f"{variable}_FILE": str(file)}) == {variable: "secret"}
    assert missing(needs, {variable: "secret"}) == []
    with pytest.raises(CallerError, match=f"{variable}_FILE"):
        given(needs, {f"{variable}_FILE": str(tmp_path / "nothing")})


def test_the_doctor_says_what_is_missing_and_shows_no_secret() -> None:
    code, output = run("ingest", "doctor", "linkedin")
    assert code == 1
    assert "PRESENCE_LINKEDIN_TOKENS (MISSING)" in output
    assert "https://www.linkedin.com/developers/apps" in output
    code, output = run("ingest", "doctor", "linkedin", env={"PRESENCE_LINKEDIN_TOKENS": "s3cret"})
    assert code == 0
    assert "s3cret" not in output
    code, output = run("ingest", "doctor", "linkedin", "--json", env={"PRESENCE_LINKEDIN_TOKENS": "s3cret"})
    told: dict[str, Any] = json.loads(output)
    assert told["missing"] == []
    assert [need["set"] for need in told["needs"]] == [True, False, False]
    code, output = run("ingest", "doctor", "--json")
    assert [each["network"] for each in json.loads(output)] == names()
    assert code == 0


def test_one_live_way_is_enough() -> None:
    code, output = run("ingest", "doctor", "github")
    assert code == 1
    assert output.count("MISSING") == 1
    for variable in ("PRESENCE_GITHUB_TOKEN", "PRESENCE_GITHUB_WEBHOOK_SECRET"):
        code, output = run("ingest", "doctor", "github", env={variable: "s3cret"})
        assert (code, "MISSING" in output) == (0, False)
    assert run("ingest", "doctor", "facebook", env={"PRESENCE_FACEBOOK_APP_SECRET": "s3cret"})[0] == 1


def test_a_tokens_setting_that_cannot_be_right_is_told_by_its_name() -> None:
    polling = known("linkedin").polling
    assert polling is not None
    for wrong in ("", "{", "[]", '{"urn:li:person:a": "token"}'):
        with pytest.raises(CallerError, match="PRESENCE_LINKEDIN_TOKENS is"):
            polling.poller({"PRESENCE_LINKEDIN_TOKENS": wrong}, None)  # type: ignore[arg-type] # not yet looked at
