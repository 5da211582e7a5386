"""From pairs of records to clusters: who belongs together, and how firmly."""

from __future__ import annotations

import polars as pl

PAIR_SCHEMA = pl.Schema(
    [
        ("left", pl.String()),
        ("right", pl.String()),
        ("evidence", pl.List(pl.String)),
        ("score", pl.Float64()),
    ]
)
"""One row per pair of records, ``left`` before ``right``; evidence is a list of what they share."""


def combine(*pairs: pl.DataFrame) -> pl.DataFrame:
    """Put pairs of several matchers together: all the evidence, and the highest score."""
    together = pl.concat(
        [pl.DataFrame(schema=PAIR_SCHEMA), *(frame.select(PAIR_SCHEMA.names()) for frame in pairs)]
    )
    if together.is_empty():
        return together
    return (
        together.group_by("left", "right", maintain_order=True)
        .agg(
            pl.col("evidence").explode(empty_as_null=False).unique(maintain_order=True),
            pl.col("score").max(),
        )
        .sort("left", "right")
    )


def find_clusters(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return record_id, cluster, score, cluster_score, evidence for every record of a pair.

    Clusters are transitive: whoever is joined by any chain of pairs is in one. A cluster is named by its
    smallest record id. ``score`` is that of the record's best pair, ``cluster_score`` that of the weakest
    pair without which the cluster falls apart, by the strongest chains (a minimum spanning tree of
    distances 1 - score): merging the cluster means to trust that pair.
    """
    schema = {"record_id": pl.String, "cluster": pl.String, "score": pl.Float64, "cluster_score": pl.Float64}
    if pairs.is_empty():
        return pl.DataFrame(schema=schema | {"evidence": pl.List(pl.String)})
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

    ids = pl.concat([pairs["left"], pairs["right"]]).unique().sort()
    number = pl.DataFrame({"id": ids}).with_row_index("number")
    left = pairs.select("left").join(number, left_on="left", right_on="id", maintain_order="left")["number"]
    right = pairs.select("right").join(number, left_on="right", right_on="id", maintain_order="left")[
        "number"
    ]
    # An edge of weight 0 would be no edge, so distances begin at 1.
    distance = (2 - pairs["score"]).to_numpy()
    graph = coo_array((distance, (left.to_numpy(), right.to_numpy())), shape=(ids.len(), ids.len()))
    _, component = connected_components(graph, directed=False)
    tree = minimum_spanning_tree(graph.tocsr()).tocoo()

    members = pl.DataFrame({"record_id": ids, "component": component}).with_columns(
        cluster=pl.col("record_id").min().over("component")
    )
    weakest = (
        pl.DataFrame({"component": component[tree.row], "score": 2 - tree.data})
        .group_by("component")
        .agg(cluster_score=pl.col("score").min().round(6))
    )
    ends = pl.concat(
        [pairs.select(pl.col(end).alias("record_id"), "evidence", "score") for end in ("left", "right")]
    )
    best = ends.sort("record_id", "score", descending=[False, True], maintain_order=True)
    best = best.group_by("record_id", maintain_order=True).agg(
        pl.col("score").max(), pl.col("evidence").explode(empty_as_null=False).unique(maintain_order=True)
    )
    joined = members.join(weakest, on="component").join(best, on="record_id")
    return joined.select(*schema, "evidence").sort("cluster", "record_id")
