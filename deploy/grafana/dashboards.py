# ruff: noqa: INP001 (a script of deploy/, and no package)
"""The dashboards as code: `python deploy/grafana/dashboards.py` writes their JSON, `--check` fails where it has drifted."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import GridPos
from panels import PEOPLE, Infinity, Panel, Query, asked, board, head

FOLDER = Path(__file__).parent / "dashboards"
POINTS = "short"


def quantile(q: str, metric: str, by: str = "") -> str:
    """PromQL of a quantile of a histogram over five minutes."""
    return f"histogram_quantile({q}, sum by (le{by}) (rate({metric}_bucket[5m])))"


def quantiles(metric: str) -> list[Query]:
    return [Query(quantile(q, metric), name) for q, name in (("0.5", "half"), ("0.99", "99 of 100"))]


def overview() -> Any:
    return board(
        "overview",
        "overview",
        "Whether people get what docs/slo.md promises, and how much there is to do.",
        [
            (
                "What is promised",
                [
                    Panel("Fresh", "percentunit", [Query("avg_over_time(presence:fresh:bool[1h])")],
                          "Share of the last hour in which every partition was less than 10 s behind.", "stat", 4),
                    Panel("Out within 5 s", "percentunit", [Query('1 - presence:sli_errors:ratio_1h{sli="latency"}')],
                          "Share of the last hour's scores.", "stat", 4),
                    Panel("Gateway reachable", "bool_yes_no", [Query("presence:gateway_reachable:bool")], "", "stat", 4),
                    Panel("Enrolled", "short", [Query("max(presence_ingest_people)")],
                          "As the ingests know the roster.", "stat", 4),
                    Panel("With a score", "short", [Query("sum(presence_gateway_people)")], "", "stat", 4),
                    Panel("Model", "short", [Query("presence_scoring_model_info", "{{model}} {{hash}}")],
                          "In use by how many workers.", "stat", 4),
                ],
            ),
            (
                "From an act to its score",
                [
                    Panel("From observation to published score", "s",
                          quantiles("presence_scoring_observed_to_published_seconds"),
                          "Of each score, by the oldest record of its batch."),
                    Panel("From observation to readable and to a watcher", "s", [
                        Query(quantile("0.99", "presence_gateway_observed_to_readable_seconds"), "readable"),
                        Query(quantile("0.99", "presence_gateway_observed_to_watcher_seconds"), "at a watcher"),
                    ], "99 of 100 are faster."),
                    Panel("Acts", "cps", [
                        Query('sum by (network) (rate(presence_ingest_records_total{kind!="known"}[5m]))', "{{network}}")
                    ], "Records that went into the log, a second."),
                    Panel("Behind", "short", [
                        Query("sum(presence_scoring_lag_records)", "not folded"),
                        Query("sum(presence_scoring_unpublished_people)", "scores not out"),
                        Query("sum by (topic) (presence_gateway_lag_records)", "not readable: {{topic}}"),
                    ]),
                ],
            ),
            (
                "Budget",
                [
                    Panel("Share that goes wrong, over an hour", "percentunit",
                          [Query("presence:sli_errors:ratio_1h", "{{sli}}")]),
                    Panel("Processes that answer", "short", [Query("sum by (job) (up)", "{{job}}")]),
                    Panel("Memory", "bytes", [Query("process_resident_memory_bytes", "{{instance}}")]),
                    Panel("Processor", "percentunit", [Query("rate(process_cpu_seconds_total[5m])", "{{instance}}")]),
                ],
            ),
        ],
    )  # fmt: skip


def networks() -> Any:
    return board(
        "networks",
        "networks",
        "What each network sends, what becomes of it, and how late it is.",
        [
            (
                "Freshness",
                [
                    Panel("Since the last frame", "s",
                          [Query("time() - max by (network) (presence_ingest_last_frame_timestamp_seconds)", "{{network}}")],
                          "A quiet network is not an outage; a busy one that falls silent is."),
                    Panel("Complete in the log up to", "s",
                          [Query("time() - max by (network) (presence_ingest_watermark_timestamp_seconds)", "{{network}}")],
                          "Age of the watermark. While it stands, nobody declines on that network."),
                ],
            ),
            (
                "Frames",
                [
                    Panel("Frames", "cps", [Query("sum by (network) (rate(presence_ingest_frames_total[5m]))", "{{network}}")]),
                    Panel("What becomes of them", "cps",
                          [Query("sum by (outcome) (rate(presence_ingest_frames_total[5m]))", "{{outcome}}")]),
                    Panel("Records for the log", "cps",
                          [Query("sum by (kind) (rate(presence_ingest_records_total[5m]))", "{{kind}}")]),
                    Panel("Refused", "percentunit", [Query(
                        'sum by (network) (rate(presence_ingest_frames_total{outcome="refused"}[5m]))'
                        " / clamp_min(sum by (network) (rate(presence_ingest_frames_total[5m])), 1e-9)", "{{network}}")],
                        "Share that went to the dead letters."),
                ],
            ),
            (
                "The broker's side",
                [
                    Panel("Sent and not acknowledged", "short",
                          [Query("max by (network) (presence_ingest_in_flight_records)", "{{network}}")]),
                    Panel("Nothing acknowledged for", "s",
                          [Query("max by (network) (presence_ingest_stalled_seconds)", "{{network}}")]),
                ],
            ),
        ],
    )  # fmt: skip


def scoring() -> Any:
    return board(
        "scoring",
        "scoring",
        "The fold: how far it is, what its time goes into, how much it can take.",
        [
            (
                "How far",
                [
                    Panel("Behind, in records", "short",
                          [Query("max by (partition) (presence_scoring_lag_records)", "{{partition}}")]),
                    Panel("Behind, in seconds", "s",
                          [Query("max by (partition) (presence_scoring_lag_seconds)", "{{partition}}")]),
                    Panel("Restored", "percentunit",
                          [Query("min by (partition) (presence_scoring_restored_ratio)", "{{partition}}")],
                          "Of what the log had when a worker took the partition."),
                    Panel("Age of the newest snapshot", "s", [
                        Query("time() - max by (partition) (presence_scoring_snapshot_timestamp_seconds)", "{{partition}}")
                    ]),
                ],
            ),
            (
                "Work",
                [
                    Panel("Records folded", "cps", [Query("sum by (instance) (rate(presence_scoring_records_total[5m]))", "{{instance}}")]),
                    Panel("Scores published", "cps", [Query("sum(rate(presence_scoring_scores_total[5m]))", "scores")]),
                    Panel("Batch size", "short", quantiles("presence_scoring_batch_records")),
                    Panel("Where the time goes", "percentunit",
                          [Query("sum by (step) (rate(presence_scoring_step_seconds_sum[5m]))", "{{step}}")],
                          "Seconds of each second."),
                    Panel("How long a step takes", "s",
                          [Query(quantile("0.99", "presence_scoring_step_seconds", ", step"), "{{step}}")],
                          "99 of 100 are faster."),
                    Panel("Scores that are not out", "short",
                          [Query("sum by (partition) (presence_scoring_unpublished_people)", "{{partition}}")]),
                ],
            ),
        ],
    )  # fmt: skip


def gateway() -> Any:
    methods = " by (grpc_method) (rate(grpc_server_handled_total[5m]))"
    return board(
        "gateway",
        "gateway",
        "Who asks what, how fast they are answered, and how scores are distributed.",
        [
            (
                "Calls",
                [
                    Panel("Calls", "reqps", [Query(f"sum{methods}", "{{grpc_method}}")]),
                    Panel("By status", "reqps", [
                        Query("sum by (grpc_code) (rate(grpc_server_handled_total[5m])) > 0 "
                              'or sum by (grpc_code) (rate(grpc_server_handled_total{grpc_code="OK"}[5m]))', "{{grpc_code}}")
                    ]),
                    Panel("How long calls take", "s", [
                        Query('histogram_quantile(0.99, sum by (le, grpc_method) '
                              '(rate(grpc_server_handling_seconds_bucket{grpc_type="unary"}[5m])))', "{{grpc_method}}")
                    ], "99 of 100 are faster."),
                    Panel("Watches", "short", [Query("sum by (instance) (presence_gateway_watchers)", "{{instance}}")]),
                    Panel("Messages to watchers", "cps",
                          [Query("sum(rate(grpc_server_msg_sent_total[5m]))", "messages")]),
                ],
            ),
            (
                "The read model",
                [
                    Panel("Behind, in records", "short", [Query("presence_gateway_lag_records", "{{topic}}")]),
                    Panel("Behind, in seconds", "s", [Query("presence_gateway_lag_seconds", "behind")]),
                    Panel("From observation to readable", "s",
                          quantiles("presence_gateway_observed_to_readable_seconds")),
                    Panel("Scores in one transaction", "short", quantiles("presence_gateway_batch_records")),
                ],
            ),
            (
                "Scores",
                [
                    Panel("Who has a score", "short", [Query("presence_gateway_people > 0", "{{kind}}")]),
                    Panel("People with at least so many points", "short", [
                        Query("sum by (at_least) (presence_gateway_people_with_points)", "{{at_least}}")
                    ], "How scores are distributed.", "bars"),
                ],
            ),
        ],
    )  # fmt: skip


def person() -> Any:
    """One person, by the gateway's data: nothing about them is in Prometheus."""
    path = "/v1/people/${person}"
    made = head(
        "person",
        "one person",
        "What one person's score is, why, and how it was. Read from the gateway, as they may.",
    )
    made = made.with_variable(dashboard.TextBoxVariable("person").label("Person").default_value(""))
    figures = [
        ("presence", "Presence", POINTS),
        ("visibility", "Visibility", POINTS),
        ("confidence", "Confidence", "percentunit"),
    ]
    for at, (field, title, unit) in enumerate(figures):
        query = Infinity(f"{path}/score", "", [(field, title, "number")])
        made = made.with_panel(
            stat.Panel()
            .title(title)
            .unit(unit)
            .datasource(PEOPLE)
            .with_target(asked(query))
            .grid_pos(GridPos(h=4, w=8, x=8 * at, y=0))
        )
    reasons = Infinity(
        f"{path}/reasons",
        "reasons",
        [("title", "Reason", "string"), ("network", "Network", "string"), ("points", "Points", "number")],
    )
    made = made.with_panel(
        table.Panel()
        .title("Why")
        .datasource(PEOPLE)
        .with_target(asked(reasons))
        .grid_pos(GridPos(h=10, w=12, x=0, y=4))
    )
    closings = Infinity(
        f"{path}/history?from=${{__from}}&to=${{__to}}",
        "days",
        [
            ("time", "Time", "timestamp_epoch"),
            ("presence", "Presence", "number"),
            ("visibility", "Visibility", "number"),
        ],
    )
    return made.with_panel(
        timeseries.Panel().title("How it was when each day ended").unit(POINTS).min(0).max(100).datasource(PEOPLE)
        .with_target(asked(closings)).grid_pos(GridPos(h=10, w=12, x=12, y=4))
    )  # fmt: skip


def built() -> Iterator[tuple[Path, str]]:
    """Where each dashboard's JSON stands, and what it is."""
    for make in (overview, networks, scoring, gateway, person):
        text = json.dumps(make().build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        yield FOLDER / f"{make.__name__}.json", text + "\n"


def main() -> int:
    """Exit code 1 if `--check` finds something else than this would write."""
    made = dict(built())
    if "--check" not in sys.argv:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    there = set(FOLDER.glob("*.json"))
    drifted = [
        path for path, text in made.items() if path not in there or path.read_text(encoding="utf-8") != text
    ]
    for path in sorted({*drifted, *(there - made.keys())}):
        print(f"{path} is not what dashboards.py makes: run `make dashboards`", file=sys.stderr)  # noqa: T201 (a script)
    return 1 if drifted or there - made.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
