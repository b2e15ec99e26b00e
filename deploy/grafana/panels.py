# ruff: noqa: INP001 (a script of deploy/, and no package)
"""What the dashboards are made of: a panel is a line of text here, and grafana-foundation-sdk's model of it in Grafana."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import barchart, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    GridPos,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="presence-prometheus")
PEOPLE = DataSourceRef(type_val="yesoreyeram-infinity-datasource", uid="presence-people")
WIDTH = 24
STAT_HEIGHT, HEIGHT = 4, 8


@dataclass(frozen=True)
class Query:
    """PromQL, and how a series is named in the legend."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """`width` is in twelfths of the half screen: 24 is a row."""

    title: str
    unit: str
    queries: Sequence[Query]
    says: str = ""
    kind: str = "lines"
    width: int = 12


class Infinity(Dataquery):
    """A question to the JSON of `presence web`, for the plugin yesoreyeram-infinity-datasource."""

    def __init__(
        self, path: str, root: str, columns: Sequence[tuple[str, str, str]], ref_id: str = "A"
    ) -> None:
        """`columns`: selector, title, and type of each."""
        self.path, self.root, self.columns, self.ref_id = path, root, columns, ref_id

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self.ref_id,
            "datasource": {"type": PEOPLE.type_val, "uid": PEOPLE.uid},
            "type": "json",
            "source": "url",
            "parser": "backend",
            "format": "table",
            "url": self.path,
            "url_options": {"method": "GET"},
            "root_selector": self.root,
            "columns": [{"selector": s, "text": title, "type": kind} for s, title, kind in self.columns],
        }


class _Built(Builder[Any]):
    def __init__(self, made: Any) -> None:
        self._made = made

    def build(self) -> Any:
        return self._made


def asked(query: Infinity) -> Builder[Any]:
    return _Built(query)


def board(
    uid: str, title: str, says: str, rows: Sequence[tuple[str, Sequence[Panel]]]
) -> dashboard.Dashboard:
    """A dashboard of rows of panels, laid out from left to right and from top to bottom."""
    made = head(uid, title, says)
    top = 0
    for name, panels in rows:
        made = made.with_row(dashboard.Row(name).grid_pos(GridPos(h=1, w=WIDTH, x=0, y=top)))
        top += 1
        left = height = 0
        for panel in panels:
            tall = STAT_HEIGHT if panel.kind == "stat" else HEIGHT
            if left + panel.width > WIDTH:
                top, left, height = top + height, 0, 0
            made = made.with_panel(drawn(panel).grid_pos(GridPos(h=tall, w=panel.width, x=left, y=top)))
            left, height = left + panel.width, max(height, tall)
        top += height
    return made


def head(uid: str, title: str, says: str) -> dashboard.Dashboard:
    return (
        dashboard.Dashboard(f"Presence: {title}")
        .uid(f"presence-{uid}")
        .description(says)
        .tags(["presence"])
        .timezone("utc")
        .readonly()
        .refresh("10s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Presence")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["presence"])
            .as_dropdown(True)
            .keep_time(True)
        )
    )


def drawn(panel: Panel) -> Any:
    """The panel in Grafana."""
    made: Any = {"lines": timeseries.Panel, "stat": stat.Panel, "bars": barchart.Panel, "table": table.Panel}[
        panel.kind
    ]()
    made = made.title(panel.title).unit(panel.unit).datasource(PROMETHEUS)
    if panel.says:
        made = made.description(panel.says)
    if panel.kind == "lines":
        made = made.fill_opacity(8).min(0)
        made = made.tooltip(_shared())
    for number, query in enumerate(panel.queries):
        asking = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + number)).datasource(PROMETHEUS)
        if query.legend:
            asking = asking.legend_format(query.legend)
        if panel.kind in {"bars", "table"}:
            asking = asking.instant().format(PromQueryFormat.TABLE)
        else:
            asking = asking.range()
        made = made.with_target(asking)
    return made


def _shared() -> Any:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
