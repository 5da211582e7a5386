"""What rises and falls: planted changes are found, chance is not."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from crmlab.lab import Lab
from crmlab.targeting.effects import difference_of_rates
from crmlab.view.findings import Note
from crmlab.voice.emerging import FALSE_ALARMS, Emerging, changes
from crmlab.voice.themes import Themes

MakeLab = Callable[..., Lab]
PERIODS = [f"2024-{month:02}" for month in range(1, 9)]


def drawn(seed: int, shares: np.ndarray, texts: int = 200) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return mentions and sizes of periods whose texts have one item each, by ``shares`` per period."""
    draw = np.random.default_rng(seed)
    counts = [draw.multinomial(texts, share) for share in shares]
    rows = [
        {"item": f"t{item}", "period": period}
        for period, per_item in zip(PERIODS, counts, strict=True)
        for item, n in enumerate(per_item)
        for _ in range(n)
    ]
    return pl.DataFrame(rows), pl.DataFrame({"period": PERIODS, "texts": [texts] * len(PERIODS)})


SAME = np.tile([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03], (8, 1))


def test_false_alarms_stay_at_their_level() -> None:
    alarmed = [changes(*drawn(seed, SAME))["change"].drop_nulls().len() > 0 for seed in range(200)]
    # Where nothing changes every find is false, so at most a share of FALSE_ALARMS of studies has one.
    assert np.mean(alarmed) <= FALSE_ALARMS + 2 * np.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) / 200)


def test_false_alarms_among_rare_items_stay_at_their_level() -> None:
    rare = np.tile([0.006] * 100 + [0.4], (8, 1))
    alarmed = [changes(*drawn(seed, rare, 500))["change"].drop_nulls().len() > 0 for seed in range(50)]
    assert np.mean(alarmed) <= FALSE_ALARMS + 2 * np.sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) / 50)


def test_a_planted_rise_a_fall_and_a_new_item_are_found() -> None:
    shares = SAME.copy()
    shares[:, 7] = 0
    shares[6:, 5] += 0.08
    shares[6:, 0] -= 0.12
    shares[7, 7] += 0.1
    shares /= shares.sum(axis=1, keepdims=True)
    found = [changes(*drawn(seed, shares, 300)).drop_nulls("change") for seed in range(40)]
    rows = [set(each.select("item", "period", "change").rows()) for each in found]
    for planted in (
        ("t5", "2024-07", "rising"),
        ("t0", "2024-07", "falling"),
        ("t7", "2024-08", "new"),
    ):
        assert np.mean([planted in row for row in rows]) > 0.8, planted
    early = [sum(period < "2024-07" for _, period, _ in row) for row in rows]
    assert np.sum(early) / np.sum([len(row) for row in rows]) <= FALSE_ALARMS


def test_by_hand() -> None:
    mentions = pl.DataFrame({"item": ["a"] * 60, "period": ["2024-01"] * 20 + ["2024-02"] * 40})
    sizes = pl.DataFrame({"period": ["2024-01", "2024-02", "2024-03"], "texts": [100, 100, 10]})
    found = changes(mentions, sizes)
    (row,) = found.iter_rows(named=True)  # the first has nothing before it, the third is too small
    assert (row["texts"], row["of"], row["before"], row["before_of"]) == (40, 100, 20, 100)
    assert (row["difference"], row["low"], row["high"]) == tuple(difference_of_rates(40, 100, 20, 100))
    # Prior: 50 texts, 30 % of them with the item, on both sides.
    log_odds = np.log(55 / 95) - np.log(35 / 115)
    assert row["log_odds"] == pytest.approx(log_odds)
    assert row["z"] == pytest.approx(log_odds / np.sqrt(1 / 55 + 1 / 95 + 1 / 35 + 1 / 115))
    assert row["change"] == "rising"
    assert changes(mentions.clear(), sizes).is_empty()
    assert changes(mentions, sizes.head(1)).is_empty()


SUBJECTS = (
    ("快递", "配送", "物流", "包裹", "送货", "发货"),
    ("房间", "床单", "浴室", "空调", "隔音", "早餐"),
    ("电池", "屏幕", "键盘", "充电器", "散热", "硬盘"),
)
ENGLISH = (
    ("delivery", "courier", "parcel", "shipping", "tracking", "driver"),
    ("room", "bed", "bathroom", "noise", "breakfast", "towel"),
    ("battery", "screen", "keyboard", "charger", "fan", "disk"),
)


def study(make_lab: MakeLab, planted: bool, dated: bool = True, **settings: object) -> tuple[Lab, Themes]:
    draw = random.Random(3)
    english = settings.get("language") == "en"
    subjects, about, gift = (ENGLISH, " and ", "; gift") if english else (SUBJECTS, "和", "，赠品")
    lines = ["feedback_id,customer_id,given_on,text"]
    for number in range(600):
        day = date(2024, 1, 1) + timedelta(days=number * 210 // 600)
        later = planted and day >= date(2024, 6, 1)
        (subject,) = draw.choices(subjects, (5, 1, 1) if later else (1, 1, 1))
        text = about.join(draw.sample(subject, 3)) + (gift if later and number % 2 else "")
        lines.append(f"f{number:03},c{number},{day if dated else ''},{text}: {number}")
    tables = {"feedback": "\n".join(lines) + "\n"}
    lab = make_lab(tables, annotators={"themes": {"number": 3}}, **settings)
    return lab, Themes(lab, lab.tables["feedback"].with_columns(sentiment=pl.lit("negative")))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_rise_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    emerging = Emerging(*study(make_lab, planted=True, language=language))
    assert emerging.periods == [f"2024-0{month}" for month in range(2, 7)]  # nothing after as_of, June 30
    found = {(row["kind"], row["name"], row["change"]) for row in emerging.summary.iter_rows(named=True)}
    assert ("word", {"zh": "赠品", "en": "gift"}[language], "new") in found
    (theme,) = [name for kind, name, change in found if kind == "theme" and change == "rising"]
    assert set(theme.replace("、", ", ").split(", ")) <= {*SUBJECTS[0], *ENGLISH[0], "赠品", "gift"}
    chart = emerging.chart()
    check_chart(chart, language, without=("c0", "f000"))
    payload = emerging.table().payload()
    assert payload["rows"]
    assert payload["note"]
    assert str(emerging.looked_at.height) in emerging.note().plain()


def test_nothing_rises(make_lab: MakeLab) -> None:
    emerging = Emerging(*study(make_lab, planted=False, language="en"))
    assert emerging.summary.is_empty()
    for shown in (emerging.chart(), emerging.table()):
        assert isinstance(shown, Note)
        assert "nothing changed beyond chance" in shown.plain()


def test_without_dates(make_lab: MakeLab) -> None:
    emerging = Emerging(*study(make_lab, planted=True, dated=False, language="en"))
    assert emerging.periods == []
    for shown in (emerging.chart(), emerging.table()):
        assert isinstance(shown, Note)
        assert "0 pieces of feedback have one" in shown.plain()


def test_what_few_customers_raise_is_not_listed(make_lab: MakeLab) -> None:
    shown = Emerging(*study(make_lab, planted=True))
    hidden = Emerging(*study(make_lab, planted=True, privacy={"smallest_group": 80}))
    assert "赠品" in set(shown.summary["item"])
    assert "赠品" not in set(hidden.summary["item"])
