from pathlib import Path

import pytest

from presence.events.errors import CallerError
from presence.log.settings import Settings


def test_without_an_environment_everything_has_a_sane_default() -> None:
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.topics.activity == "presence.activity"
    assert settings.kafka_options() == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "PLAINTEXT",
    }


def test_variables_are_typed() -> None:
    settings = Settings.from_env(
        {
            "PRESENCE_KAFKA": "a:1,b:2",
            "PRESENCE_PARTITIONS": "12",
            "PRESENCE_DATA": "~/elsewhere",
            "PRESENCE_NAMESPACE": "test",
            "UNRELATED": "x",
        }
    )
    assert settings.kafka_options()["bootstrap_servers"] == ["a:1", "b:2"]
    assert settings.partitions == 12
    assert settings.data == Path.home() / "elsewhere"
    assert [topic.name for topic in settings.topics.all()] == [
        "test.roster",
        "test.activity",
        "test.scores",
        "test.history",
        "test.reasons",
        "test.models",
        "test.owners",
        "test.dlq",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PARTITIONS", "many"), ("KAFKA_SECURITY", "TLS"), ("LOG_FORMAT", "xml"), ("PUBLISH_DELAY_MS", "1.5")],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(CallerError, match=variable.lower()):
        Settings.from_env({f"PRESENCE_{variable}": value})


def test_a_secret_may_stand_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    settings = Settings.from_env({"PRESENCE_KAFKA_SASL_PASSWORD_FILE": str(secret)})
    assert settings.kafka_sasl_password == "hunter2"
    assert "hunter2" not in repr(settings)
    with pytest.raises(CallerError, match="PRESENCE_MASTER_KEY_FILE"):
        Settings.from_env({"PRESENCE_MASTER_KEY_FILE": str(tmp_path / "missing")})


def test_tls_and_sasl_reach_the_client() -> None:
    settings = Settings.from_env(
        {
            "PRESENCE_KAFKA_SECURITY": "SASL_SSL",
            "PRESENCE_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "PRESENCE_KAFKA_SASL_USER": "ada",
            "PRESENCE_KAFKA_SASL_PASSWORD": "secret",
        }
    )
    options = settings.kafka_options()
    assert options["security_protocol"] == "SASL_SSL"
    assert options["ssl_context"].check_hostname
    assert (options["sasl_mechanism"], options["sasl_plain_username"], options["sasl_plain_password"]) == (
        "SCRAM-SHA-512",
        "ada",
        "secret",
    )
