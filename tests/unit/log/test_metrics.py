"""What is measured: under which names, with which labels, and never about somebody."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import Metric

import presence
from presence.log.metrics import REGISTRIES, Label, Service
from presence.log.weighted import WeightedHistogram

UNITS = ("_seconds", "_records", "_people", "_ratio", "_bytes", "_info", "_watchers", "_points", "_caught_up")
COUNTED = (
    "frames",
    "records",
    "letters",
    "answers",
    "scores",
    "started",
    "handled",
    "sent",
    "failures",
    "skipped",
)
WHO = {"person", "account", "handle", "name", "native", "caller", "subject", "url", "text", "id"}


def declared() -> list[tuple[Service, Metric]]:
    return [
        (service, metric)
        for service, registry in REGISTRIES.items()
        for metric in registry.collect()
        if not metric.name.startswith("process_")
    ]


def test_no_label_can_tell_a_person() -> None:
    assert WHO.isdisjoint(Label)
    assert all(WHO.isdisjoint(label.split("_")) for label in Label)


def test_each_name_ends_in_its_unit_and_has_a_sentence_that_says_what_it_is() -> None:
    for service, metric in declared():
        ends = COUNTED if metric.type == "counter" else UNITS
        assert metric.name.endswith(ends), (service, metric.name)
        assert re.fullmatch(r"[A-Z0-9].*\.", metric.documentation), metric.name
        prefix = "grpc_server_" if metric.name.startswith("grpc") else "presence_"
        assert metric.name.startswith(prefix)


def test_no_other_file_declares_a_metric() -> None:
    constructors = re.compile(r"\b(Counter|Gauge|Histogram|Summary|Info|Enum|WeightedHistogram)\(\s*\"")
    root = Path(presence.__file__).parent
    files = [path for path in root.rglob("*.py") if path.name not in {"metrics.py", "weighted.py"}]
    assert [
        path for path in files if "prometheus" in (text := path.read_text()) and constructors.search(text)
    ] == []


@given(st.lists(st.tuples(st.floats(0, 1_000, allow_nan=False), st.integers(1, 20)), max_size=30))
def test_a_weighted_histogram_says_what_as_many_observations_would(seen: list[tuple[float, int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    weighted = WeightedHistogram("t_seconds", "Time.", (0.5, 1.0, 100.0), ours)
    plain = Histogram("t_seconds", "Time.", buckets=(0.5, 1.0, 100.0), registry=theirs)
    for value, weight in seen:
        weighted.observe(value, weight)
        for _ in range(weight):
            plain.observe(value)
    told, wanted = (generate_latest(each).decode().splitlines() for each in (ours, theirs))
    assert [line for line in told if "_sum" not in line] == [line for line in wanted if "_sum" not in line]
    assert ours.get_sample_value("t_seconds_sum") == pytest.approx(theirs.get_sample_value("t_seconds_sum"))
