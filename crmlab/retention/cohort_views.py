"""How cohorts are shown: the matrix, the average with its intervals, and what both say in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import ParamsError
from crmlab.labels import Text
from crmlab.view.findings import Note
from crmlab.view.numbers import count, money, percent
from crmlab.view.retention_charts import cohort_matrix
from crmlab.view.tables import MISSING, Column, Table
from crmlab.view.texts import joined, say, texts

if TYPE_CHECKING:
    import altair as alt

    from crmlab.retention.cohorts import Cohorts, Kind

_COHORTS = 13
"""A page holds no more rows; the saved table has all."""
_COLUMN: dict[str, str] = {
    "bounded": "retention",
    "rolling": "rolling",
    "revenue": "revenue_retention",
    "cumulated": "cumulated_revenue",
}


def chart(cohorts: Cohorts, kind: Kind) -> alt.LayerChart | Note:
    """Draw one matrix, or say that no period after the first has ended yet."""
    if kind not in cohorts.kinds:
        raise ParamsError(f"kind is {kind!r}; there is {', '.join(cohorts.kinds)}.")
    words, language, column = texts(), cohorts.lab.language, _COLUMN[kind]
    least = 0 if kind == "cumulated" or cohorts.of_contracts else 1
    average = cohorts.average.filter(pl.col("age") >= least)
    if average[column].is_null().all():
        return Note(words["retention_too_short"], language)
    ages = average.drop_nulls(column)["age"].max()
    recent = cohorts.summary["cohort"].unique(maintain_order=True).to_list()[-_COHORTS:]
    sizes = cohorts.summary.filter(age=0).select("cohort", "customers").iter_rows()
    names = {name: Text(f"{name}（{size:,}）", f"{name} ({size:,})").to(language) for name, size in sizes}
    everybody = say("retention_average_named", n=count(int(average["customers"].max() or 0))).to(language)  # type: ignore[arg-type]
    rows = pl.concat(
        [
            average.select(
                pl.lit(everybody).alias("cohort"), "age", pl.lit(value=True).alias("complete"), *_ends(column)
            ),
            cohorts.summary.filter(pl.col("cohort").is_in(recent), pl.col("age") >= least).select(
                pl.col("cohort").replace_strict(names, return_dtype=pl.String),
                "age",
                "complete",
                *_ends(column),
            ),
        ]
    ).filter(pl.col("age") <= pl.lit(ages))
    hidden = pl.col("complete") & pl.col("value").is_null() & pl.lit(kind != "rolling")
    written = _cell_money if kind == "cumulated" else _cell_percent
    frame = rows.with_columns(
        text=pl.when(hidden)
        .then(pl.lit("*"))
        .otherwise(pl.col("value").map_elements(written, return_dtype=pl.String).fill_null("")),
        shown=pl.col("value").map_elements(lambda x: _spoken(cohorts, kind, x), return_dtype=pl.String),
        interval=pl.struct("low", "high").map_elements(
            lambda ends: f"{_spoken(cohorts, kind, ends['low'])} – {_spoken(cohorts, kind, ends['high'])}",
            return_dtype=pl.String,
        ),
    )
    titles = {
        "bounded": words["retention_contracts_matrix" if cohorts.of_contracts else "retention_bounded"],
        "rolling": words["retention_rolling"],
        "revenue": words["retention_revenue"],
        "cumulated": words["retention_cumulated"],
    }
    few = say("retention_few_cells", k=cohorts.lab.study.privacy.smallest_group)
    return cohort_matrix(
        frame,
        title=title_of(cohorts, kind),
        subtitle=joined(
            titles[kind],
            say("retention_blank", n=count(len(recent)), of=count(cohorts.summary["cohort"].n_unique())),
            few if (frame["text"] == "*").any() else None,
            _left_out(cohorts),
        ),
        x_title=say("retention_age", every=unit(cohorts)),
        y_title=words["retention_signed" if cohorts.of_contracts else "retention_cohort"],
        language=language,
        tooltips=[
            ("cohort", words["retention_signed" if cohorts.of_contracts else "retention_cohort"]),
            ("age", say("retention_age", every=unit(cohorts))),
            ("shown", words["retention_value"]),
            ("interval", words["interval_95"]),
        ],
    )


def average_table(cohorts: Cohorts) -> Table | Note:
    """Show the average of all cohorts per age."""
    words = texts()
    frame = cohorts.average.filter(pl.col("age") >= (0 if cohorts.of_contracts else 1))
    if frame["retention"].is_null().all():
        return Note(words["retention_too_short"], cohorts.lab.language)
    columns = [
        Column("age", say("retention_age", every=unit(cohorts)), "integer"),
        Column("cohorts", words["retention_cohorts"], "integer"),
        Column("customers", words["customers"], "integer"),
        *_with_interval("retention", words["retention_kept" if cohorts.of_contracts else "retention_active"]),
    ]
    if not cohorts.of_contracts:
        columns += _with_interval("rolling", words["retention_active_later"])
        columns += _with_interval("revenue_retention", words["retention_revenue_column"])
        columns += _with_interval("cumulated_revenue", words["retention_cumulated_column"], money=True)
    gaps = frame["retention"].has_nulls()
    return Table(
        _paired(frame),
        columns,
        caption=words["retention_average_caption"],
        note=joined(
            words["retention_contracts_note" if cohorts.of_contracts else "retention_average_note"],
            say("privacy_rows", k=cohorts.lab.study.privacy.smallest_group) if gaps else None,
            _left_out(cohorts),
        ),
        language=cohorts.lab.language,
        currency=cohorts.lab.study.currency,
    )


def cohort_table(cohorts: Cohorts) -> Table | Note:
    """Show the retention of each cohort at the first, a middle and the last age, with intervals."""
    words, last = texts(), cohorts.followed
    ages = sorted({1, max(1, last // 4), max(1, last // 2), last})
    frame = cohorts.summary.filter(age=0).select("cohort", "customers")
    columns = [
        Column("cohort", words["retention_cohort"]),
        Column("customers", words["customers"], "integer"),
    ]
    for age in ages:
        at = cohorts.summary.filter(age=age).select(
            "cohort",
            pl.col("retention").alias(f"at_{age}"),
            pl.when(pl.col("retention").is_not_null())
            .then(pl.concat_list("retention_low", "retention_high"))
            .alias(f"at_{age}_interval"),
        )
        frame = frame.join(at, on="cohort", how="left", maintain_order="left")
        columns += [
            Column(f"at_{age}", say("retention_at_age", n=age, every=unit(cohorts)), "percent"),
            Column(f"at_{age}_interval", words["interval_95"], "interval", of="percent"),
        ]
    if all(frame[f"at_{age}"].is_null().all() for age in ages):
        return Note(words["retention_too_short"], cohorts.lab.language)
    hidden = cohorts.summary.filter("complete", pl.col("retention").is_null()).height
    few = say("privacy_rows", k=cohorts.lab.study.privacy.smallest_group)
    return Table(
        frame,
        columns,
        caption=words["retention_cohort_caption"],
        note=joined(words["retention_cohort_note"], few if hidden else None),
        language=cohorts.lab.language,
    )


def sentences(cohorts: Cohorts) -> Text:
    """Say what stays of a cohort after the first and the last age that is well seen."""
    return joined(title_of(cohorts, "bounded"), _spread(cohorts), _rolling_said(cohorts))


def unit(cohorts: Cohorts) -> Text:
    """Return the name of a period."""
    words = texts()
    return {
        "day": words["retention_day"],
        "week": words["retention_week"],
        "month": words["retention_month"],
        "quarter": words["retention_quarter"],
    }[cohorts.every]


def title_of(cohorts: Cohorts, kind: Kind) -> Text:
    """Say the average at the last age that a third of all customers have reached, and their first.

    Both are of the same cohorts, or a change of cohorts would read like one of customers.
    """
    words, column = texts(), _COLUMN[kind]
    everybody = int(cohorts.average["customers"].max() or 0)  # type: ignore[arg-type]
    seen = cohorts.average.filter(pl.col("age") >= 1, pl.col("customers") * 3 >= everybody).drop_nulls(column)
    if seen.is_empty():
        return words["retention_too_short"]
    row, first = seen.row(-1, named=True), seen.row(0, named=True)
    places: dict[str, Any] = {"every": unit(cohorts), "age": row["age"], "first_age": first["age"]}
    if kind == "cumulated":
        currency = cohorts.lab.study.currency
        places |= {
            "value": money(row[column], currency),
            "low": money(row[f"{column}_low"], currency),
            "high": money(row[f"{column}_high"], currency),
        }
        return say("retention_title_cumulated", **places)
    same = cohorts.comparable(column, first["age"], row["age"])
    places |= {
        "first": percent(same if same is not None else first[column]),
        "value": percent(row[column]),
        "low": percent(row[f"{column}_low"]),
        "high": percent(row[f"{column}_high"]),
    }
    if kind == "rolling":
        return say("retention_title_rolling", **places)
    if kind == "revenue":
        return say("retention_title_revenue", **places)
    return say("retention_title_contracts" if cohorts.of_contracts else "retention_title_bounded", **places)


def _spread(cohorts: Cohorts) -> Text | None:
    """Say whether the later cohorts stay more or less than the earlier ones at the first age."""
    from crmlab.intervals import wilson
    from crmlab.retention.kaplan_meier import difference
    from crmlab.segments.separation import Estimate

    seen = cohorts.summary.filter(pl.col("age") == 1).drop_nulls("active")
    if seen.height < 4:
        return None
    if cohorts.earlier_customers is not None:
        return texts()["retention_not_compared"]
    sizes = seen["customers"].cum_sum()
    early = sizes <= (sizes[-1] + 1) // 2
    halves = []
    for part in (seen.filter(~early), seen.filter(early)):
        if part.is_empty():
            return None
        n, active = int(part["customers"].sum()), int(part["active"].sum())
        halves.append(Estimate(active / n, *wilson(active, n)))
    apart = difference(halves[0], halves[1])
    places = {
        "every": unit(cohorts),
        "late": percent(halves[0].value),
        "early": percent(halves[1].value),
        "low": f"{apart.low * 100:+.1f}".replace("-", "−"),
        "high": f"{apart.high * 100:+.1f}".replace("-", "−"),
    }
    if apart.low > 0:
        return say("retention_better", **places)
    return say("retention_worse" if apart.high < 0 else "retention_alike", **places)


def _left_out(cohorts: Cohorts) -> Text | None:
    if not cohorts.left_out:
        return None
    smallest = cohorts.lab.study.privacy.smallest_group
    return say("retention_left_out", n=count(cohorts.left_out), k=smallest)


def _rolling_said(cohorts: Cohorts) -> Text | None:
    if cohorts.of_contracts or cohorts.follow_up is None:
        return None
    n, name = cohorts.follow_up, unit(cohorts)
    time = Text(f"{n} {name.zh}", f"{n} {name.en}" if n == 1 else f"{n} {name.en}s")
    return say("retention_follow_up", time=time)


def _ends(column: str) -> list[pl.Expr]:
    return [
        pl.col(column).alias("value"),
        pl.col(f"{column}_low").alias("low"),
        pl.col(f"{column}_high").alias("high"),
    ]


def _with_interval(name: str, title: Text, *, money: bool = False) -> list[Column]:
    kind: Any = "money" if money else "percent"
    return [
        Column(name, title, kind, bar=name == "retention"),
        Column(f"{name}_interval", texts()["interval_95"], "interval", of=kind),
    ]


def _paired(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.when(pl.col(name).is_not_null())
        .then(pl.concat_list(f"{name}_low", f"{name}_high"))
        .alias(f"{name}_interval")
        for name in _COLUMN.values()
    )


def _cell_percent(value: float) -> str:
    return f"{value * 100:.0f}"


def _cell_money(value: float) -> str:
    """Write an amount in at most four characters."""
    if value >= 9999.5:
        return f"{value / 1e3:.0f}k" if value < 999_500 else f"{value / 1e6:.1f}M"
    return f"{value:.0f}"


def _spoken(cohorts: Cohorts, kind: Kind, value: float | None) -> str:
    if value is None:
        return MISSING
    if kind == "cumulated":
        return money(value, cohorts.lab.study.currency).to(cohorts.lab.language)
    return percent(value)
