"""``crmlab identity``: find customers with several records, decide in a table, merge, take back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from crmlab.data.cleaning import Cleaned
    from crmlab.data.identity import Survivorship
    from crmlab.labels import Language

_LANGUAGE = click.option(
    "--language",
    type=click.Choice(["zh", "en"]),
    default="zh",
    show_default=True,
    help="Language of the table. 表格语言。",
)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_RULES = [
    click.option(
        "--rule",
        "rules",
        multiple=True,
        metavar="[FIELD=]RULE",
        help="Survivorship: newest, most_complete, trusted_source, longest, smallest or largest; for all "
        "fields or for one. May be repeated. 取值规则，可按字段指定，可重复。",
    ),
    click.option(
        "--trust",
        "trusted",
        multiple=True,
        metavar="SOURCE",
        help="Sources, the most trusted first; may be repeated. 可信来源，从最可信起，可重复。",
    ),
]


def _with_rules(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which value survives."""
    for option in reversed(_RULES):
        command = option(command)
    return command


@click.group()
def identity() -> None:
    """同一客户的多条记录。 One customer, many records: propose merges, apply the accepted ones, undo."""


@identity.command()
@click.argument("customers", type=click.Path(path_type=Path))
@click.option(
    "--to", "target", type=_FILE, required=True, help="File to decide in, .xlsx or .csv. 供人工决定的表格。"
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KIND",
    help="Only this kind of key; may be repeated. 只用该类键，可重复。",
)
@click.option(
    "--probabilistic", is_flag=True, help="Also match by probability (extra `identity`). 加用概率匹配。"
)
@click.option("--previous", type=_FILE, help="Earlier table whose decisions stand. 沿用此前的决定。")
@click.option(
    "--auto-accept",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SCORE",
    help="Accept clusters from this score on. 得分达到即自动合并。",
)
@_LANGUAGE
def propose(
    customers: Path,
    target: Path,
    keys: tuple[str, ...],
    probabilistic: bool,
    previous: Path | None,
    auto_accept: float | None,
    language: Language,
) -> None:
    """提出合并建议。 Propose merges of CUSTOMERS, a study (.yaml) or a file of customers.

    The table shows personal data; decide in its column Decision, and keep it. Nothing is merged yet.

    表格含个人信息，请在“决定”列填写并妥善保存。此时尚未合并任何记录。
    """
    from crmlab.data import identity as resolution

    table = _customers(customers).table
    earlier = resolution.read_proposals(previous) if previous else None
    found = resolution.find_matches(table, keys or tuple(resolution.KEYS))
    pairs = [found.pairs]
    if probabilistic:
        pairs.append(resolution.resolve(table))
    proposals = resolution.propose(table, *pairs, previous=earlier, auto_accept=auto_accept)
    resolution.write_proposals(proposals, table, target, language)
    for kind, records, masked in found.too_frequent.iter_rows():
        name = resolution.KEYS[kind].text
        click.secho(
            f"{name.zh} {masked}：{records:,} 条记录共用，未采用。 "
            f"{name.en} shared by {records:,} records, not used.",
            err=True,
            fg="yellow",
        )
    clusters = proposals["cluster"].n_unique()
    rows = proposals.height
    click.echo(f"{rows:,} 条记录，{clusters:,} 组。 records: {rows:,}, clusters: {clusters:,}.")
    click.echo(f"{target}")


@identity.command()
@click.argument("customers", type=click.Path(path_type=Path))
@click.argument("proposals", type=_FILE)
@click.option("--to", "target", type=_FOLDER, required=True, help="Folder to write. 写入的目录。")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Day noted with the merges. 合并的记录日期。"
)
@_with_rules
def apply(
    customers: Path,
    proposals: Path,
    target: Path,
    since: datetime | None,
    rules: tuple[str, ...],
    trusted: tuple[str, ...],
) -> None:
    """执行已同意的合并。 Merge what PROPOSALS accept into CUSTOMERS, the table before any merge.

    Writes customers, identities, originals, provenance and conflicts as Parquet files, and the rows of
    CUSTOMERS that were rejected. A study then reads customers and identities from there.
    """
    from crmlab.data import identity as resolution
    from crmlab.data.exports import whole

    cleaned = _customers(customers)
    table = cleaned.table
    day = since.date() if since else None
    merged = resolution.apply(
        table, resolution.read_proposals(proposals), _survivorship(rules, trusted, table), day
    )
    merged.save(target)
    if cleaned.rejected.height:
        with whole(target / "rejected.parquet") as draft:
            cleaned.rejected.write_parquet(draft)
    before, after, conflicts = table.height, merged.customers.height, merged.conflicts.height
    click.echo(f"{before:,} 条记录合并为 {after:,} 位客户，{conflicts:,} 处取值不一致。")
    click.echo(f"{before:,} records are {after:,} customers now, with {conflicts:,} conflicting values.")
    click.echo(f"{target}")


@identity.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--customer",
    "ids",
    multiple=True,
    metavar="ID",
    help="Only this merged customer; may be repeated. 只撤销该客户，可重复。",
)
def undo(folder: Path, ids: tuple[str, ...]) -> None:
    """撤销合并。 Take merges in FOLDER back, all of them or those of single customers.

    The records come back exactly as they were.
    """
    from crmlab.data import identity as resolution

    merged = resolution.Merged.load(folder)
    restored = merged.undo(ids or None)
    restored.save(folder)
    back = restored.customers.height - merged.customers.height
    click.echo(f"恢复后多出 {back:,} 位客户。 {back:,} more customers after undoing.")


@identity.command()
@click.argument("customers", type=click.Path(path_type=Path))
@click.argument("updates", type=_FILE)
@click.option("--to", "target", type=_FOLDER, required=True, help="Folder to write. 写入的目录。")
@click.option("--identities", type=_FILE, help="identities.parquet of an applied merge. 合并后的标识表。")
@_with_rules
def update(
    customers: Path,
    updates: Path,
    target: Path,
    identities: Path | None,
    rules: tuple[str, ...],
    trusted: tuple[str, ...],
) -> None:
    """合并客户自助更新。 Merge UPDATES that customers made themselves: customer id, date, changed fields.

    Writes customers, applied, conflicts and originals as Parquet files.
    """
    import polars as pl

    from crmlab.data.identity.updates import REASONS, merge_updates
    from crmlab.data.intake.files import Options, read_table

    table = _customers(customers).table
    changes = read_table(updates, "customers", Options()).frame.collect()
    known = pl.read_parquet(identities, glob=False) if identities else None
    result = merge_updates(table, changes, _survivorship(rules, trusted, table), known)
    result.save(target)
    click.echo(f"{result.applied.height:,} 项已更新。 {result.applied.height:,} changes carried out.")
    counts = result.conflicts.group_by("reason").len().sort("len", "reason", descending=[True, False])
    for reason, count in counts.iter_rows():
        click.secho(
            f"{REASONS[reason].zh}：{count:,}。 {REASONS[reason].en}: {count:,}.", err=True, fg="yellow"
        )
    click.echo(f"{target}")


def _customers(path: Path) -> Cleaned:
    """Read the customers of a study, or of a file with headers that are recognised."""
    if _is_study(path):
        from dataclasses import replace

        from crmlab.lab import Lab
        from crmlab.params import read_study

        study, warnings = read_study(path)
        for warning in warnings:
            click.secho(warning, err=True, fg="yellow")
        with chdir(path.resolve().parent):  # paths in a study are relative to its folder
            tables = Lab(study).tables
            cleaned = replace(tables.cleaned("customers"), table=tables["customers"])
            later = tables.count("customers").later
        if later:
            click.secho(
                f"{later:,} 位客户的登记日期晚于观察日，未参与。 "
                f"{later:,} customers were registered after the as-of day and left out.",
                err=True,
                fg="yellow",
            )
    else:
        from crmlab.data.cleaning import clean
        from crmlab.data.intake.files import Options, read_table

        cleaned = clean("customers", read_table(path, "customers", Options()).frame, "Asia/Shanghai")
    if cleaned.rejected.height:
        from crmlab.data.schemas import REASONS

        rows = cleaned.rejected.height
        reasons = [(REASONS[reason], count) for reason, count in cleaned.counts.items()]
        zh = "，".join(f"{text.zh} {count:,}" for text, count in reasons)
        en = ", ".join(f"{text.en} {count:,}" for text, count in reasons)
        click.secho(f"{rows:,} 行被拒收：{zh}。 {rows:,} rows rejected: {en}.", err=True, fg="yellow")
    return cleaned


def _is_study(path: Path) -> bool:
    return path.suffix.casefold() in (".yaml", ".yml")


def _survivorship(rules: tuple[str, ...], trusted: tuple[str, ...], customers: pl.DataFrame) -> Survivorship:
    """Read the options; a source that no record is from, or that no rule asks for, is an error."""
    from crmlab.data.identity import Survivorship
    from crmlab.data.identity.updates import SELF_UPDATE
    from crmlab.errors import ParamsError, did_you_mean

    fields = dict(rule.split("=", 1) for rule in rules if "=" in rule)
    default = [rule for rule in rules if "=" not in rule]
    if len(default) > 1:
        raise ParamsError(
            f"`--rule` names {len(default)} rules for all fields: {', '.join(default)}. Keep one, and name "
            "the field of the others: --rule FIELD=RULE."
        )
    if trusted and "trusted_source" not in (*default, *fields.values()):
        raise ParamsError("`--trust` goes with `--rule trusted_source` or `--rule FIELD=trusted_source`.")
    sources = customers["source"].cast(str).unique().drop_nulls().to_list() if "source" in customers else []
    for source in trusted:
        if source not in (*sources, SELF_UPDATE):
            raise ParamsError(
                f"No customer is from the source {source!r}.{did_you_mean(source, sources)} The column "
                f"`source` has: {', '.join(sorted(sources)[:20]) or 'nothing'}."
            )
    return Survivorship(default[0] if default else "newest", fields, tuple(trusted))  # type: ignore[arg-type]
