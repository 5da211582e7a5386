"""``crmlab survey``: the question bank, a designed survey, and how many answers it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from crmlab.labels import Language

_LANGUAGE = click.option(
    "--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="zh or en. 语言。"
)


@click.group()
def survey() -> None:
    """设计问卷与样本量。 Design a survey: questions, forms, codebook, sample size."""


@survey.command()
@click.option("--topic", "topic", help="Only this topic. 只列出该主题。")
@_LANGUAGE
def questions(topic: str | None, language: Language) -> None:
    """列出题库。 List the question bank, by topic."""
    from crmlab.surveys.question_bank import chosen_questions, question_bank

    last = None
    for question in chosen_questions([topic]) if topic else question_bank():
        if question.topic != last:
            click.secho(question.topic, bold=True)
            last = question.topic
        told = question.scale or question.words or question.kind
        click.echo(f"  {question.id:<20} {question.text.to(language)}  [{told}]")
        parts = question.rows or question.options
        if parts:
            click.echo(f"  {'':<20} {' / '.join(parts.to(language))}")
        click.echo(f"  {'':<20} {question.why.zh if language == 'zh' else question.why.en}")


@survey.command()
@click.option(
    "--topic",
    "topics",
    required=True,
    help="Topics or questions of the bank, with commas between. 题库的主题或题目，用逗号隔开。",
)
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder. 文件夹。"
)
@click.option("--force", is_flag=True, help="Write over existing files. 覆盖已有文件。")
@_LANGUAGE
def design(topics: str, folder: Path, force: bool, language: Language) -> None:
    """生成问卷、编码表和空白答卷。 Write questionnaire, codebook and a blank table of answers."""
    from crmlab.surveys.design import SurveyDesign
    from crmlab.surveys.design_files import design_files

    names = [name.strip() for name in topics.replace("，", ",").split(",") if name.strip()]
    for path in design_files(SurveyDesign.of(names, language), folder, force=force):
        click.echo(str(path))


@survey.command("sample-size")
@click.option("--margin", type=float, help="Of a share, e.g. 0.05; of an NPS in points, e.g. 5. 误差。")
@click.option("--nps", is_flag=True, help="For an NPS; otherwise for a share. 针对 NPS，否则针对占比。")
@click.option("--share", type=float, default=0.5, show_default=True, help="Expected share. 预计占比。")
@click.option("--against", type=float, help="Another share to tell it from. 要与之区分的另一占比。")
@click.option("--promoters", type=float, default=0.5, show_default=True, help="Expected. 预计推荐者占比。")
@click.option("--detractors", type=float, default=0.5, show_default=True, help="Expected. 预计贬损者占比。")
@click.option("--power", type=float, default=0.8, show_default=True, help="To show a difference. 检验功效。")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Confidence. 置信度。")
@click.option("--population", type=int, help="How many there are. 总体人数。")
@click.option("--response-rate", type=float, default=1.0, show_default=True, help="Expected. 预计回收率。")
@_LANGUAGE
def sample_size(
    margin: float | None,
    nps: bool,
    share: float,
    against: float | None,
    promoters: float,
    detractors: float,
    power: float,
    confidence: float,
    population: int | None,
    response_rate: float,
    language: Language,
) -> None:
    """计算样本量。 Say how many answers are needed, and how many invitations."""
    from crmlab.labels import Text
    from crmlab.surveys.sample_size import for_difference, for_nps, for_share

    if against is not None and (nps or margin is not None or population is not None):
        raise click.UsageError(
            "--against compares two shares; it does not go with --nps, --margin or --population. "
            "--against 用于比较两个占比，不能与 --nps、--margin、--population 同用。"
        )
    if against is not None:
        found = for_difference(share, against, power, response_rate, confidence)
    elif nps:
        found = for_nps(
            5.0 if margin is None else margin, promoters, detractors, population, response_rate, confidence
        )
    else:
        found = for_share(0.05 if margin is None else margin, share, population, response_rate, confidence)
    click.echo(
        Text(
            f"{found.text.zh}：需要 {found.answers:,} 份有效回答，邀请 {found.invitations:,} 人。",
            f"For {found.text.en}: {found.answers:,} answers, {found.invitations:,} invitations.",
        ).to(language)
    )
