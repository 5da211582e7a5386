"""``crmlab ingest`` and ``crmlab summarise``: orders of any number into a store, and its features."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

    from crmlab.estimators import Source
    from crmlab.params import Study

_QUIET = click.option("--quiet", is_flag=True, help="No progress bars. 不显示进度条。")


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_QUIET
def ingest(study: Path, folder: Path, quiet: bool) -> None:
    """把大量订单整理为分桶存储。 Bring the orders of STUDY, however many, into a store at FOLDER.

    The rows are cleaned and counted as in a run, in memory bounded by CRMLAB_MEMORY_MB (MiB; most of the
    machine's or container's unless set). One that was interrupted goes on when it is called again. A study
    then reads the store with `data: [{source: store, folder: FOLDER}]`.

    按研究的设置逐块清洗、计数并按客户分桶，内存占用有上限；中断后再次运行即可继续。
    """
    from crmlab import memory

    memory.claim()
    from crmlab.aggregates.ingest import ingest as bring_in
    from crmlab.data.schemas import REASONS
    from crmlab.params import read_study

    settings, broken = read_study(study)
    for problem in broken:
        click.secho(problem, err=True, fg="yellow")
    target = folder.absolute()
    # The files of a study are named from its own folder.
    with chdir(study.parent), _bar(quiet) as advance:
        source, name = _source_of_orders(settings)
        store = bring_in(
            _orders_of(source),
            target,
            time_zone=settings.timezone,
            policy=settings.policy,
            currency=settings.currency,
            fingerprint=f"{name} {source.fingerprint()}",
            max_rejected_share=settings.quality.max_rejected_share,
            advance=advance,
        )
    said = store.manifest
    click.echo(f"orders 订单: {said['rows']:,}")
    click.echo(f"customers 客户: {said['customers']:,}")
    for reason, count in said["rejected"].items():
        click.echo(f"rejected 拒收: {count:,} ({REASONS[reason].en} {REASONS[reason].zh})")
    click.echo(f"store 存储: {folder}")


@click.command()
@click.argument("store", type=click.Path(path_type=Path, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--as-of", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The as-of day. 观察日。")
@click.option("--gaps/--no-gaps", default=True, help="Also the gaps between purchases. 是否计算购买间隔。")
@_QUIET
def summarise(store: Path, folder: Path, as_of: datetime, gaps: bool, quiet: bool) -> None:
    """计算存储中全部客户的特征与 RFM 分群。 Write the features and RFM labels of a STORE to FOLDER.

    One row per customer, as Parquet, one part per bucket of the store; `summary.json` says what the columns
    mean and where the cut points lie.

    每位客户一行，写为 Parquet；列含义与切分点见 summary.json。
    """
    from crmlab import memory

    memory.claim()
    from crmlab.aggregates.store import Store
    from crmlab.aggregates.summarise import summarise as write

    opened = Store.open(store)
    with _bar(quiet) as advance:
        write(opened, folder, as_of.date(), opened.layout(gaps=gaps), advance=advance)
    click.echo(f"features 特征: {folder}")


def _orders_of(source: Source) -> pl.LazyFrame:
    """Return the orders as the source delivers them."""
    from crmlab.errors import DataError

    tables = source.read()
    if "orders" not in tables:
        raise DataError(
            f"{type(source).__name__} makes its orders from their lines, which needs all of them at once. A "
            "store is made from orders: sum the lines first, for example with `crmlab import`."
        )
    return tables["orders"]


def _source_of_orders(study: Study) -> tuple[Source, str]:
    """Return the source of the study that provides orders, and what it is called."""
    from crmlab.environment import resolved
    from crmlab.errors import ParamsError
    from crmlab.registry import sources

    for spec in study.data:
        source = sources[spec.source].from_params(resolved(spec.params))
        if "orders" in source.provides:
            return source, spec.source
    raise ParamsError(
        "No source of the study provides orders, and they are what a store holds. Add one under `data`."
    )


@contextmanager
def _bar(quiet: bool) -> Iterator[Any]:
    """Show progress: a bar per stage."""
    from tqdm import tqdm

    bars: dict[str, tqdm[Any]] = {}

    def advance(progress: Any) -> None:
        if progress.stage not in bars:
            for bar in bars.values():
                bar.close()
            bars[progress.stage] = tqdm(
                total=progress.total, desc=progress.stage, unit_scale=True, file=sys.stderr, disable=quiet
            )
        bars[progress.stage].update(progress.done - bars[progress.stage].n)

    try:
        yield advance
    finally:
        for bar in bars.values():
            bar.close()
