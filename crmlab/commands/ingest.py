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
    from datetime import date

    import polars as pl

    from crmlab.aggregates.store import Store
    from crmlab.estimators import Source
    from crmlab.params import Study

_STALE_DAYS = 31
"""An as-of day so long after the last order is worth a word."""
_QUIET = click.option("--quiet", is_flag=True, help="No progress bars. 不显示进度条。")


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--append", is_flag=True, help="Add to the store that is there. 追加到已有存储。")
@_QUIET
def ingest(study: Path, folder: Path, append: bool, quiet: bool) -> None:
    """把大量订单整理为分桶存储。 Bring the orders of STUDY, however many, into a store at FOLDER.

    The rows are cleaned and counted as in a run, in memory bounded by CRMLAB_MEMORY_MB (MiB; most of the
    machine's or container's unless set). One that was interrupted goes on when it is called again. A study
    then reads the store with `data: [{source: store, folder: FOLDER}]`.

    With --append the orders, a day's for example, are added to a store that is there, and the state of its
    customers is kept current. Orders that it has already are rejected and counted.

    按研究的设置逐块清洗、计数并按客户分桶，内存占用有上限；中断后再次运行即可继续。加上 --append
    则把新订单（例如当天的）追加到已有存储，并更新客户状态；已有的订单会被拒收并计数。
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
        if append:
            _append(target, settings, _orders_of(source))
            return
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
@click.option(
    "--as-of",
    "days",
    required=True,
    multiple=True,
    type=click.DateTime(["%Y-%m-%d"]),
    help="The as-of day; of several, a folder each. 观察日；可多次给出，每日一个文件夹。",
)
@click.option(
    "--monthly",
    type=click.IntRange(min=1),
    help="As of so many days: the last --as-of and the month ends before it. 观察日及之前各月末的期数。",
)
@click.option("--gaps/--no-gaps", default=True, help="Also the gaps between purchases. 是否计算购买间隔。")
@_QUIET
def summarise(
    store: Path, folder: Path, days: tuple[datetime, ...], monthly: int | None, gaps: bool, quiet: bool
) -> None:
    """计算存储中全部客户的特征与 RFM 分群。 Write the features and RFM labels of a STORE to FOLDER.

    One row per customer, as Parquet, one part per bucket of the store; `summary.json` says what the columns
    mean and where the cut points lie. As of several days (--as-of more than once, or --monthly 12) there is
    a folder per day, made in one walk along the orders.

    每位客户一行，写为 Parquet；列含义与切分点见 summary.json。多个观察日（多次 --as-of，或 --monthly 12）
    只需遍历订单一次，每日一个文件夹。
    """
    from crmlab import memory

    memory.claim()
    from crmlab.aggregates.snapshots import month_ends, snapshots
    from crmlab.aggregates.store import Store
    from crmlab.aggregates.summarise import summarise as write

    opened = Store.open(store)
    layout = opened.layout(gaps=gaps)
    dates = [day.date() for day in days]
    if monthly:
        dates += month_ends(max(dates), monthly)
    _check_days(opened, dates)
    with _bar(quiet) as advance:
        if monthly or len(dates) > 1:
            snapshots(opened, folder, dates, layout, advance=advance)
        else:
            write(opened, folder, dates[0], layout, advance=advance)
    click.echo(f"features 特征: {folder}")


def _check_days(store: Store, days: list[date]) -> None:
    """Warn of days that lie beyond the orders; raise ParamsError where all lie before the first."""
    from datetime import date, timedelta

    from crmlab.errors import ParamsError

    if store.manifest["first_day"] is None:
        return
    first, last = (date(1970, 1, 1) + timedelta(store.manifest[name]) for name in ("first_day", "last_day"))
    if max(days) < first:
        raise ParamsError(
            f"--as-of {max(days)} lies before the first order of the store (of {first}): nobody was a "
            f"customer yet. Name a day from {first} to {last}."
        )
    if early := sum(day < first for day in set(days)):
        click.secho(
            f"{early} of the days lie before the first order ({first}); their tables are empty. "
            f"其中 {early} 个观察日早于首笔订单，结果为空。",
            err=True,
            fg="yellow",
        )
    if max(days) - last > timedelta(_STALE_DAYS):
        click.secho(
            f"The last order of the store is of {last}, {(max(days) - last).days} days before --as-of "
            f"{max(days)}. Was an append forgotten? 最后一笔订单在 {last}，请确认没有漏追加数据。",
            err=True,
            fg="yellow",
        )


def _append(folder: Path, settings: Study, orders: pl.LazyFrame) -> None:
    """Add the orders to the store, and say what was done."""
    from crmlab.aggregates.increments import append
    from crmlab.aggregates.store import Store
    from crmlab.data.schemas import REASONS
    from crmlab.errors import ParamsError

    made = Store.open(folder).manifest
    wanted = {
        "time_zone": settings.timezone,
        "currency": settings.currency,
        "policy": settings.policy.model_dump(mode="json"),
    }
    if changed := sorted(name for name in wanted if wanted[name] != made[name]):
        raise ParamsError(
            f"The store was made with another {', '.join(changed)} than the study has now, and one store "
            "holds orders of one kind. Restore the study's settings, or ingest all orders into a new folder."
        )
    done = append(folder, orders, max_rejected_share=settings.quality.max_rejected_share)
    said = done.store.manifest
    click.echo(f"orders added 新增订单: {done.rows:,}")
    click.echo(f"customers updated 更新客户: {done.customers:,}")
    for reason, count in done.rejected.items():
        click.echo(f"rejected 拒收: {count:,} ({REASONS[reason].en} {REASONS[reason].zh})")
    if done.withdrawn:
        click.echo(
            f"of these withdrawn from the store 其中从存储撤下: {done.withdrawn:,} (they came again with "
            "another content 再次出现但内容不同)"
        )
    if done.uncounted:
        names = ", ".join(done.uncounted)
        click.secho(
            f"{names}: not in the orders that the store was made from. They are kept, but no feature counts "
            "them until all orders are ingested into a new store. "
            "建库时没有这些列：已保存，但重新建库前不计入特征。",
            err=True,
            fg="yellow",
        )
    if not done.rows and not done.rejected:
        click.secho("The source has no orders. 数据源中没有订单。", err=True, fg="yellow")
    elif not done.rows and set(done.rejected) == {"exact_duplicate"}:
        click.secho(
            "Every one of these orders is in the store already; was the file appended before? "
            "这些订单均已在存储中，同一文件可能追加了两次。",
            err=True,
            fg="yellow",
        )
    click.echo(f"orders 订单: {said['rows']:,}")
    click.echo(f"customers 客户: {said['customers']:,}")


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
