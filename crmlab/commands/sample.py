"""``crmlab sample``: a generated company whose truth is known."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("name", type=click.Path(path_type=Path, file_okay=False))
@click.option("--customers", default=10_000, show_default=True, help="Number of people. 客户（人）数。")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same files. 随机种子。")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="Format of the tables. 表的格式。",
)
@click.option("--clean", is_flag=True, help="Without dirt. 不含脏数据。")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty. 写入非空目录。")
@click.option("--quiet", is_flag=True, help="No progress bar. 不显示进度条。")
def sample(name: Path, customers: int, seed: int, form: str, clean: bool, force: bool, quiet: bool) -> None:
    """生成示例公司。 Generate a retail company into the folder NAME, with a file of the truth behind it.

    All of it is generated: customers, orders, interactions, surveys, complaints, campaigns.

    全部为生成数据：客户、订单、互动、问卷、投诉与营销活动，并附真值文件。
    """
    from tqdm import tqdm

    from crmlab.data.samples.writer import FORMATS, check_size, write_company

    check_size(customers, seed)
    with tqdm(total=customers, unit="customer", unit_scale=True, file=sys.stderr, disable=quiet) as bar:
        written = write_company(
            name,
            customers,
            seed,
            dirt=not clean,
            form=FORMATS[FORMATS.index(form)],
            force=force,
            advance=bar.update,
        )
    for table, rows in written.rows.items():
        click.echo(f"{table}.{form}: {rows:,}")
    click.echo(f"truth 真值: {name / 'truth.json'}, {name / 'truth'}")
    click.echo("All of it is generated data. 全部为生成数据。")
    click.echo(f"run 运行: crmlab run {written.study}")
