"""The table of proposed merges that an analyst edits and keeps: one row per record in a cluster."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from crmlab.data.identity.clusters import combine, find_clusters
from crmlab.data.identity.evidence import PROBABILISTIC
from crmlab.data.identity.keys import KEYS, check_ids, comparable
from crmlab.data.identity.matches import names_and_facts
from crmlab.errors import DataError, ParamsError, did_you_mean
from crmlab.labels import Text

DECISIONS: dict[str, Text] = {
    "proposed": Text("待定", "proposed"),
    "accept": Text("合并", "accept"),
    "reject": Text("不合并", "reject"),
}
"""What an analyst may decide on a record of a cluster."""

SCHEMA = pl.Schema(
    [
        ("cluster", pl.String()),
        ("record_id", pl.String()),
        ("source", pl.String()),
        ("decision", pl.String()),
        ("score", pl.Float64()),
        ("cluster_score", pl.Float64()),
        ("evidence", pl.List(pl.String)),
        ("conflicts", pl.List(pl.String)),
    ]
)
"""The columns of a table of proposals; in the file that people edit, records' fields follow."""

COMPARED = (
    "name", "gender", "birth_date", "identity_number", "mobile", "phone", "email", "wechat", "company",
    "credit_code", "province", "city", "home_address",
)  # fmt: skip
"""Fields in which the records of one customer should agree."""

_LISTED = 10


def propose(
    customers: pl.DataFrame,
    *pairs: pl.DataFrame,
    previous: pl.DataFrame | None = None,
    auto_accept: float | None = None,
) -> pl.DataFrame:
    """Return the merges that ``pairs`` of records suggest, as a table of ``SCHEMA``.

    Nothing is accepted but the clusters whose ``cluster_score`` reaches ``auto_accept``, where that is
    given, and none with a contradiction in it: A and C may share a key with B each, and yet be born on
    different days. ``previous`` are proposals that an analyst decided on: accepted merges stand, whether they
    are found again or not; a rejection stands until a record joins the cluster that was not there, which
    is then proposed again. Raises DataError for pairs of records that ``customers`` lack.
    """
    check_ids(customers)
    if auto_accept is not None and not 0 < auto_accept <= 1:
        raise ParamsError(f"`auto_accept` is a score above 0 and up to 1, not {auto_accept}.")
    clusters = find_clusters(combine(*pairs))
    records = customers.select(
        record_id="customer_id",
        source=pl.col("source").cast(pl.String) if "source" in customers.columns else pl.lit(None, pl.String),
    )
    unknown = clusters.join(records, on="record_id", how="anti").height
    if unknown:
        raise DataError(
            f"{unknown:,} records of the pairs are not among the customers. Match the same table."
        )
    sure = pl.lit(value=False)
    if auto_accept is not None:
        doubtful = pl.col("cluster").is_in(_contradicted(clusters, customers).implode())
        sure = (pl.col("cluster_score") >= auto_accept) & ~doubtful
    proposals = clusters.join(records, on="record_id", how="left", maintain_order="left").with_columns(
        _by_strength(), decision=pl.when(sure).then(pl.lit("accept")).otherwise(pl.lit("proposed"))
    )
    if previous is not None:
        proposals = _with_decisions(proposals, previous, records)
    conflicts = _conflicts(proposals, customers)
    joined = proposals.join(conflicts, on="cluster", how="left", maintain_order="left")
    return joined.select(SCHEMA.names()).cast(SCHEMA).sort("cluster", "record_id")


def check(proposals: pl.DataFrame, customers: pl.DataFrame) -> None:
    """Raise DataError, naming every row, for decisions that can't be carried out.

    Those are: an unknown decision, a record that is not among ``customers`` (any more), an accepted record
    that stands in two clusters or alone in its cluster. Rows are those of the file.
    """
    rows = proposals if "row" in proposals.columns else proposals.with_row_index("row", offset=2)
    accepted = pl.col("decision") == "accept"
    known = pl.col("record_id").is_in(customers["customer_id"].implode())
    alone = accepted & ((accepted.sum().over("cluster")) < 2)
    twice = accepted & (accepted.sum().over("record_id") > 1)
    unknown = ~pl.col("decision").is_in(list(DECISIONS))
    given = rows.filter(unknown)["decision"].unique().sort().to_list()
    problems = [
        _problem(rows, unknown, f"unknown decision {', '.join(map(repr, given))}{_guess(given)}"),
        _problem(
            rows, pl.col("cluster").is_null() | pl.col("record_id").is_null(), "no cluster or record id"
        ),
        _problem(rows, ~known, "this record is not among the customers any more"),
        _problem(rows, twice, "this record is accepted more than once; it can be one customer only"),
        _problem(rows, alone & ~twice, "accepted alone in its cluster; accept at least two records, or none"),
    ]
    found = [problem for problem in problems if problem]
    if found:
        raise DataError(
            "The proposals can't be carried out:\n"
            + "\n".join(f"  {problem}" for problem in found)
            + f"\nDecisions are {', '.join(DECISIONS)}. To split a cluster, give its parts different names "
            "in the column cluster. If the customers changed, propose again with this file as previous one."
        )


def _guess(given: Iterable[str]) -> str:
    return next((hint for hint in (did_you_mean(value, DECISIONS) for value in given) if hint), "")


def _problem(rows: pl.DataFrame, wrong: pl.Expr, sentence: str) -> str:
    numbers = rows.filter(wrong.fill_null(value=False))["row"].to_list()
    if not numbers:
        return ""
    more = f" and {len(numbers) - _LISTED:,} more" if len(numbers) > _LISTED else ""
    return f"row {', '.join(map(str, numbers[:_LISTED]))}{more}: {sentence}"


def _by_strength() -> pl.Expr:
    """Sort evidence: keys by their strength, then what the probabilistic resolver saw."""
    order = {code: place for place, code in enumerate((*KEYS, PROBABILISTIC))}
    place = pl.element().replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return pl.col("evidence").list.eval(pl.element().sort_by(place, pl.element()))


def _contradicted(clusters: pl.DataFrame, customers: pl.DataFrame) -> pl.Series:
    """Return the clusters with two values of what one customer has only once."""
    facts = {name: fact for name, fact in names_and_facts(customers).items() if name != "name"}
    records = customers.select(record_id="customer_id", **facts)
    several = [(pl.col(name).drop_nulls().n_unique() > 1).alias(name) for name in facts]
    judged = clusters.join(records, on="record_id").group_by("cluster").agg(several)
    return judged.filter(pl.any_horizontal(pl.lit(value=False), *facts))["cluster"]


def _conflicts(clusters: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    """List the fields in which the records of a cluster have more than one value."""
    fields = [name for name in COMPARED if name in customers.columns]
    rows = clusters.select("record_id", "cluster").join(
        customers.select("customer_id", *fields), left_on="record_id", right_on="customer_id"
    )
    several = rows.group_by("cluster").agg(
        (comparable(name).drop_nulls().n_unique() > 1).alias(name) for name in fields
    )
    names = [pl.when(pl.col(name)).then(pl.lit(name)) for name in fields]
    listed = pl.concat_list(names).list.drop_nulls() if names else pl.lit([], pl.List(pl.String))
    return several.select("cluster", conflicts=listed)


def _with_decisions(now: pl.DataFrame, previous: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Carry an analyst's decisions over, and keep accepted merges that were not found again."""
    best_first = pl.col("decision").replace_strict({"accept": 0, "reject": 1}, default=2)
    then = previous.join(records, on="record_id", how="semi").sort(best_first, "cluster", "record_id")
    then = then.unique("record_id", keep="first", maintain_order=True)
    earlier = then.select("record_id", group="cluster", decided="decision")
    now = now.join(earlier, on="record_id", how="left", maintain_order="left")

    # A cluster with a record that was not there is shown again; what was accepted in it stands.
    grown = pl.col("decided").is_null().any().over("cluster")
    accepted, rejected = pl.col("decided") == "accept", pl.col("decided") == "reject"
    group = pl.when(accepted).then("group").min().over("cluster")
    open_again = pl.when(rejected.any().over("cluster")).then(pl.lit("proposed")).otherwise("decision")
    decided = pl.when(accepted | rejected).then("decided").otherwise("decision")
    now = now.with_columns(
        cluster=pl.when(accepted | ~grown).then("group").otherwise(pl.coalesce(group, "cluster")),
        decision=pl.when(accepted).then("decided").when(grown).then(open_again).otherwise(decided),
    )
    gone = then.filter(pl.col("decision") == "accept").join(now, on="record_id", how="anti")
    columns = [name for name in SCHEMA.names() if name != "conflicts"]
    together = pl.concat([now.select(columns), gone.select(columns)])
    alone = (pl.col("decision") == "accept").sum().over("cluster") < 2
    left_over = alone & (pl.col("decision") == "accept")
    return together.with_columns(decision=pl.when(left_over).then(pl.lit("proposed")).otherwise("decision"))
