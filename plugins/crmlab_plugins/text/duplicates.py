"""Which texts repeat another one, and which are no feedback at all."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from crmlab.data.privacy import mask_text
from crmlab.errors import ParamsError
from crmlab.estimators import Annotator
from crmlab.labels import Label, Scheme, Text
from crmlab_plugins.text.clauses import level
from crmlab_plugins.text.near_copies import near_copies, repeated_share
from crmlab_plugins.text.shingles import Shingles

SPAM = Scheme(
    "spam",
    "疑似垃圾",
    "Suspected spam",
    (
        Label("advert", "广告引流", "Advert"),
        Label("copied_text", "多人相同文本", "One text by many customers"),
        Label("gibberish", "乱码或刷屏", "Gibberish or repetition"),
    ),
)

_LINK = (
    r"https?://|www\.|\b[a-z0-9-]{2,}\.(?:com|cn|net|top|xyz|shop|vip|cc)\b|t\.cn/|点击链接|复制.{0,8}打开"
)
_PART_OF_LINK = (
    *("http", "www.", ".com", ".cn", ".net", ".top", ".xyz", ".shop", ".vip", ".cc", "点击链接", "复制"),
)
"""One of these is in every link."""
_CONTACT = r"\[(?:电话|社交账号|邮箱|phone|messenger id|e-mail)\]"
_LURE = (
    *(
        "加微信",
        "加我微信",
        "加v",
        "加qq",
        "加群",
        "进群",
        "扫码",
        "私聊",
        "私信我",
        "兼职",
        "日结",
        "刷单",
        "返现",
    ),
    *(
        "返利",
        "代理",
        "招商",
        "招聘",
        "贷款",
        "办证",
        "代开",
        "发票代",
        "内部券",
        "优惠券领",
        "领取",
        "免费领",
        "低价出售",
    ),
    *(
        "淘宝店",
        "代购",
        "一手货源",
        "货源",
        "诚招",
        "赚钱",
        "日赚",
        "月入",
        "博彩",
        "开户送",
        "推广",
        "投资",
        "咨询热线",
    ),
    *(
        "click here",
        "earn money",
        "work from home",
        "free gift",
        "promo code",
        "whatsapp me",
        "dm me",
        "limited offer",
    ),
)
_MASHED = r"[b-df-hj-np-tv-xz]{8,}|^(?:[asdfghjkl;]{8,}|[qwertyuiop]{9,}|[zxcvbnm]{8,})$"
_FEW_CHARACTERS = 8
_MANY_SHINGLES = 12
_MOSTLY_REPEATED = 0.65


class Duplicates(Annotator):
    """Adds which earlier text each text repeats, whether only nearly so, and why it may be spam.

    Texts are compared after case, width, traditional characters, spaces and punctuation are levelled.
    Those of fewer than ``shortest`` characters are never called repetitions: many customers write 很好.
    ``similarity`` is the share of common eight-character pieces from which two texts are near-duplicates.
    One text by ``many_customers`` or more is suspected to be ordered. What is flagged stays in the data.
    """

    title: ClassVar[Text] = Text("重复与疑似垃圾", "Duplicates and suspected spam")
    adds: ClassVar[tuple[str, ...]] = ("duplicate_of", "near_duplicate", "spam")
    compares: ClassVar[bool] = True
    scheme: ClassVar[Scheme] = SPAM

    shortest: int = 12
    similarity: float = 0.7
    many_customers: int = 3

    def definition(self) -> Text:
        """What counts as a repetition and as spam."""
        return Text(
            "去掉大小写、全半角、繁简、空格和标点的差别后，"
            f"不少于 {self.shortest} 个字且与更早的一条完全相同的为重复，"
            f"八字片段的重合度（Jaccard 系数）达到 {self.similarity:.0%} 的为近似重复；"
            "太短的文本（如“很好”）不算重复。"
            "疑似垃圾有三种：留联系方式或链接并招揽生意；"
            f"同一文本出自 {self.many_customers} 位以上客户；乱码或反复刷屏。只做标记，不删除。",
            "After case, width, traditional characters, spaces and punctuation are levelled, a text of at "
            f"least {self.shortest} characters that equals an earlier one is a duplicate; one that shares "
            f"{self.similarity:.0%} of its eight-character pieces (Jaccard index) a near-duplicate; shorter "
            "texts never are. Suspected spam: a contact or link with an offer; one text by at least "
            f"{self.many_customers} customers; gibberish or repetition. Texts are flagged, none is removed.",
        )

    def _check_params(self) -> None:
        if not 0.3 <= self.similarity <= 1:
            raise ParamsError(f"similarity is {self.similarity}; it must be from 0.3 to 1, for example 0.7.")
        if self.shortest < 1 or self.many_customers < 2:
            raise ParamsError(
                f"shortest is {self.shortest} and many_customers {self.many_customers}; they must be at "
                "least 1 and 2."
            )

    def _predict(self, feedback: pl.DataFrame) -> pl.DataFrame:
        if feedback.is_empty():
            empty = {"duplicate_of": pl.String, "near_duplicate": pl.Boolean, "spam": pl.String}
            return feedback.select("feedback_id").with_columns(
                pl.lit(None, dtype=kind).alias(name) for name, kind in empty.items()
            )
        rows = _in_order(feedback)
        bare = level(rows["text"].fill_null("")).str.replace_all(r"[^\p{L}\p{N}]", "")
        rows = rows.with_columns(bare=bare, length=bare.str.len_chars())
        long = pl.col("length") >= self.shortest
        first = pl.col("feedback_id").first().over("bare")
        rows = rows.with_columns(exact=pl.when(long & (first != pl.col("feedback_id"))).then(first))
        shingles = Shingles.of(rows["bare"].to_list())
        once = rows.with_row_index("at").filter(long & pl.col("exact").is_null())
        near = near_copies(_of_rows(shingles, once["at"]), self.similarity)
        near = pl.DataFrame(
            {
                "feedback_id": once["feedback_id"].gather(near["row"]),
                "near": once["feedback_id"].gather(near["of"]),
            }
        )
        rows = rows.join(near, on="feedback_id", how="left", maintain_order="left").with_columns(
            repeated=pl.Series(repeated_share(shingles)),
            pieces=pl.Series(shingles.starts).diff().drop_nulls(),
        )
        # A copy of a near-duplicate is a near-duplicate of the same earlier text.
        of_first = rows.select(exact="feedback_id", first_near="near").drop_nulls()
        rows = rows.join(of_first, on="exact", how="left", maintain_order="left")
        source = pl.coalesce("first_near", "exact", "near")
        answer = rows.select(
            "feedback_id",
            duplicate_of=source,
            near_duplicate=pl.coalesce("first_near", "near").is_not_null(),
            spam=self._spam(rows),
        )
        return feedback.select("feedback_id").join(
            answer, on="feedback_id", how="left", maintain_order="left"
        )

    def _spam(self, rows: pl.DataFrame) -> pl.Series:
        masked = mask_text(level(rows["text"].fill_null("")))
        known = rows.with_columns(masked=masked)
        contact = pl.col("masked").str.contains(_CONTACT)
        # Boundaries of words are slow to look for; few texts have a part of a link at all.
        perhaps = known.filter(pl.col("masked").str.contains_any(list(_PART_OF_LINK)))
        linked = perhaps.filter(pl.col("masked").str.contains(_LINK))["feedback_id"]
        link = pl.col("feedback_id").is_in(linked.implode())
        lure = pl.col("masked").str.contains_any(list(_LURE))
        writers = pl.col("customer_id").n_unique().over("bare")
        copied = (pl.col("length") >= self.shortest) & (writers >= self.many_customers)
        few = pl.col("bare").str.split("").list.n_unique() <= 2
        gibberish = (
            (few & (pl.col("length") >= _FEW_CHARACTERS))
            | ((pl.col("pieces") >= _MANY_SHINGLES) & (pl.col("repeated") >= _MOSTLY_REPEATED))
            | pl.col("bare").str.contains(_MASHED)
        )
        reason = (
            pl.when((contact | link) & lure | (contact & link))
            .then(pl.lit("advert"))
            .when(copied)
            .then(pl.lit("copied_text"))
            .when(gibberish)
            .then(pl.lit("gibberish"))
        )
        return known.select(spam=reason).to_series()


def _in_order(feedback: pl.DataFrame) -> pl.DataFrame:
    """Return id, text and customer, the earliest first, whatever the order of the table."""
    given = pl.col("given_on") if "given_on" in feedback.columns else pl.lit(None, pl.Date)
    customer = pl.col("customer_id") if "customer_id" in feedback.columns else pl.lit(None, pl.String)
    return (
        feedback.select(
            "feedback_id", pl.col("text").cast(pl.String), customer.alias("customer_id"), given.alias("on")
        )
        .sort("on", "feedback_id", nulls_last=True)
        .drop("on")
    )


def _of_rows(shingles: Shingles, rows: pl.Series) -> Shingles:
    """Return the shingles of some of the texts."""
    import numpy as np

    chosen = rows.to_numpy().astype(np.int64)
    counts = np.diff(shingles.starts)[chosen]
    starts = np.concatenate(([0], np.cumsum(counts)))
    within = np.arange(starts[-1]) - np.repeat(starts[:-1], counts)
    return Shingles(shingles.hashes[np.repeat(shingles.starts[chosen], counts) + within], starts)
