"""Two replays of the same log side by side: how another model would change everybody. Pure; no files, no Kafka."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import polars as pl

from presence.model.waterfall import ENTRIES

MOVED_MAX = 200
"""How many of the most moved are kept with their reasons, of those who rise and of those who fall each."""
BEFORE_AND_AFTER = MappingProxyType(
    {
        "person": pl.String,
        "partition": pl.Int32,
        "kind": pl.UInt8,
        "before": pl.Int64,
        "after": pl.Int64,
        "difference": pl.Int64,
        "rank_before": pl.UInt32,
        "rank_after": pl.UInt32,
    }
)
"""Column -> type of the table of everybody: presence by either model in millipoints, null for who has no score by one;
ranks from 1, of equal scores the smallest."""
PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
_WITHOUT_RANKS = ["person", "partition", "kind", "before", "after", "difference"]
_SUMS = MappingProxyType({"entry": pl.String, "before": pl.Int64, "after": pl.Int64})
_REASONS = pl.List(pl.Struct({"entry": pl.String, "millipoints": pl.Int64}))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changes from one model to the other.

    everybody: the columns of BEFORE_AND_AFTER, the one who rises most first. moved: of the most moved person, partition
    and `reasons`, the entries of the waterfall whose millipoints differ. by_entry: of each entry of the waterfall the
    sums of all people by either model, in millipoints.
    """

    everybody: pl.DataFrame
    moved: pl.DataFrame
    by_entry: pl.DataFrame

    def told(self) -> dict[str, Any]:
        """In numbers: how many move and how far, and how much the order changes.

        Spearman's rho and Kendall's tau-b are those of the people who have a score by both, None of fewer than three
        or where one model gives all of them the same.
        """
        both = self.everybody.drop_nulls("difference")
        difference = both.get_column("difference")
        return {
            "people": both.height,
            "only_before": self.everybody.get_column("after").null_count(),
            "only_after": self.everybody.get_column("before").null_count(),
            "rise": int((difference > 0).sum()),
            "fall": int((difference < 0).sum()),
            "same": int((difference == 0).sum()),
            "before": _distribution(both.get_column("before")),
            "after": _distribution(both.get_column("after")),
            "difference": _distribution(difference) | {"mean_absolute": _mean(difference.abs())},
            "spearman": _correlation(_spearman, both),
            "kendall": _correlation(_kendall, both),
            "by_entry": {entry: [before, after] for entry, before, after in self.by_entry.iter_rows()},
        }


def compare(before: Iterable[pl.DataFrame], after: Iterable[pl.DataFrame]) -> Comparison:
    """Compare two replays, each in frames sorted by person and partition; whoever was erased is left out.

    A few frames of each are held at once, besides the table of everybody: some 70 bytes for each person.
    """
    everybody = [pl.DataFrame(schema={name: BEFORE_AND_AFTER[name] for name in _WITHOUT_RANKS})]
    moved: pl.DataFrame | None = None
    sums = [pl.DataFrame(schema=dict(_SUMS))]
    for old, new in side_by_side(before, after):
        both = _joined(old, new)
        everybody.append(both.select(_WITHOUT_RANKS))
        sums += [_sums(both, name) for name in ("before", "after")]
        moved = _most(both if moved is None else pl.concat([moved, both]))
    table = pl.concat(everybody).with_columns(
        pl.col(name).rank("min", descending=True).cast(pl.UInt32).alias(f"rank_{name}")
        for name in ("before", "after")
    )
    ordered = table.select(list(BEFORE_AND_AFTER)).sort(
        "difference", "person", "partition", descending=[True, False, False], nulls_last=True
    )
    by_entry = pl.concat(sums).group_by("entry").sum()
    place = by_entry.get_column("entry").replace_strict(
        {name: at for at, name in enumerate(ENTRIES)}, default=99
    )
    return Comparison(ordered, _reasons(moved), by_entry.sort(place))


def most_moved(comparison: Comparison, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Up to `number` who rise and who fall most, the most first, with the columns of BEFORE_AND_AFTER and `reasons`."""
    told = comparison.everybody.join(
        comparison.moved, on=["person", "partition"], how="inner", maintain_order="left"
    )
    rising = told.filter(pl.col("difference") > 0).head(number)
    falling = told.filter(pl.col("difference") < 0).reverse().head(number)
    return rising, falling


def side_by_side(
    left: Iterable[pl.DataFrame], right: Iterable[pl.DataFrame]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The frames of both, cut so that each pair is of the same people."""
    sources = [iter(left), iter(right)]
    heads = [_next(source) for source in sources]
    while any(head is not None for head in heads):
        # A frame's last person may go on in the next one: what is left of it waits for that.
        bound = min(str(head["person"][-1]) for head in heads if head is not None)
        pair = []
        for number, head in enumerate(heads):
            ready: list[pl.DataFrame] = []
            while head is not None:
                split = int(head["person"].search_sorted(bound, side="right"))
                ready.append(head[:split])
                if split < head.height:
                    head = head[split:]  # noqa: PLW2901 (what is left)
                    break
                head = _next(sources[number])  # noqa: PLW2901
            heads[number] = head
            pair.append(ready)
        shape = next(part for parts in pair for part in parts)
        yield tuple(pl.concat(parts, how="vertical_relaxed") if parts else shape.clear() for parts in pair)  # type: ignore[misc]


def _next(source: Iterator[pl.DataFrame]) -> pl.DataFrame | None:
    return next((frame for frame in source if frame.height), None)


def _joined(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """One row of each person: scores by both and their difference, and the waterfalls."""
    key = ["person", "partition"]
    sides = [
        frame.drop_nulls("presence").select(
            *key,
            pl.col("kind").cast(pl.UInt8).alias(f"{name}_kind"),
            pl.col("presence").cast(pl.Int64).alias(name),
            pl.col("waterfall").alias(f"{name}_waterfall"),
        )
        for frame, name in ((old, "before"), (new, "after"))
    ]
    return (
        sides[0]
        .join(sides[1], on=key, how="full", coalesce=True)
        .with_columns(
            pl.col("partition").cast(pl.Int32),
            pl.coalesce("after_kind", "before_kind").alias("kind"),
            (pl.col("after") - pl.col("before")).alias("difference"),
        )
    )


def _sums(both: pl.DataFrame, name: str) -> pl.DataFrame:
    """Of each entry the millipoints of all people by one of the models, as the columns of _SUMS."""
    zero = pl.lit(0, pl.Int64)
    entries = both.get_column(f"{name}_waterfall").drop_nulls().explode().drop_nulls().struct.unnest()
    if entries.is_empty():
        return pl.DataFrame(schema=dict(_SUMS))
    columns = {
        each: pl.col("millipoints").cast(pl.Int64) if each == name else zero for each in ("before", "after")
    }
    return (
        entries.with_columns(**columns).group_by("entry").agg(pl.col("before").sum(), pl.col("after").sum())
    )


def _most(both: pl.DataFrame) -> pl.DataFrame:
    """Who rises and who falls most."""
    ordered = both.filter(pl.col("difference") != 0).sort(
        "difference", "person", "partition", descending=[True, False, False]
    )
    if ordered.height <= 2 * MOVED_MAX:
        return ordered
    return pl.concat([ordered.head(MOVED_MAX), ordered.tail(MOVED_MAX)])


def _reasons(moved: pl.DataFrame | None) -> pl.DataFrame:
    """Of each of the most moved the entries whose millipoints differ, the greatest difference first."""
    rows = (
        []
        if moved is None
        else moved.select("person", "partition", "before_waterfall", "after_waterfall").rows()
    )
    told = [(person, partition, _changes(old, new)) for person, partition, old, new in rows]
    schema: dict[str, Any] = {"person": pl.String, "partition": pl.Int32, "reasons": _REASONS}
    return pl.DataFrame(told, schema=schema, orient="row")


def _changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    totals: Counter[str] = Counter()
    for entries, sign in ((old, -1), (new, 1)):
        for entry in entries:
            totals[entry["entry"]] += sign * entry["millipoints"]
    changed = [(name, points) for name, points in totals.items() if points]
    return [
        {"entry": name, "millipoints": points}
        for name, points in sorted(changed, key=lambda one: -abs(one[1]))
    ]


def _distribution(values: pl.Series) -> dict[str, int | None]:
    quantiles = {
        f"p{share}": None if values.is_empty() else int(values.quantile(share / 100, "nearest") or 0)
        for share in PERCENTILES
    }
    return {"mean": _mean(values), **quantiles}


def _mean(values: pl.Series) -> int | None:
    return None if values.is_empty() else round(float(values.mean() or 0))  # type: ignore[arg-type]  # a number


def _spearman(both: pl.DataFrame) -> float:
    return float(both.select(pl.corr("before", "after", method="spearman")).item())


def _kendall(both: pl.DataFrame) -> float:
    from scipy.stats import kendalltau  # noqa: PLC0415 (it takes a second, and `presence --help` imports this)

    columns = (both.get_column(name).to_numpy() for name in ("before", "after"))
    return float(kendalltau(*columns, method="asymptotic").statistic)


def _correlation(measure: Callable[[pl.DataFrame], float], both: pl.DataFrame) -> float | None:
    """A rank correlation, in -1 to 1; None of fewer than three people, or where one model gives all the same."""
    if both.height < 3 or any(both.get_column(name).n_unique() < 2 for name in ("before", "after")):
        return None
    return round(measure(both), 6)
