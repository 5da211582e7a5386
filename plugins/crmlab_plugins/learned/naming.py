"""Names for segments: what sets each apart from all customers, in a few words."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crmlab.labels import Measure, Text
from crmlab_plugins.learned.choice import Codes
from crmlab_plugins.learned.measures import measure_of

APART = 0.5
"""Standard deviations between a segment's mean and everybody's from which a column is part of its name."""
HALF, LIFT = 0.5, 1.2
"""Share of a segment, and times the share of all customers, from which a class is typical of it."""
_MOST = 3
"""Columns that a name speaks of."""
_VALUES = 3
"""Values of one column that a name speaks of together."""

_HIGH_LOW: dict[str, tuple[Text, Text]] = {
    "total_spend": (Text("高消费", "high spend"), Text("低消费", "low spend")),
    "average_order_value": (Text("高客单价", "high order value"), Text("低客单价", "low order value")),
    "order_count": (Text("高频", "frequent"), Text("低频", "infrequent")),
    "days_since_last_order": (Text("久未购买", "long absent"), Text("近期活跃", "recent")),
    "days_since_first_order": (Text("老客户", "long-standing"), Text("新客户", "new")),
    "average_days_between_orders": (Text("购买间隔长", "long gaps"), Text("购买间隔短", "short gaps")),
    "refund_count": (Text("退款多", "many refunds"), Text("退款少", "few refunds")),
    "recent_spend": (Text("近期高消费", "high recent spend"), Text("近期低消费", "low recent spend")),
    "recent_orders": (Text("近期高频", "recently frequent"), Text("近期低频", "recently infrequent")),
}
"""Column → its words for high and for low, in the order in which a name has them."""

_SHORT = {
    "total_spend": Text("消费", "spend"),
    "average_order_value": Text("客单价", "order value"),
    "order_count": Text("订单", "orders"),
    "days_since_last_order": Text("未购天数", "absence"),
    "days_since_first_order": Text("客龄", "tenure"),
    "average_days_between_orders": Text("购买间隔", "gaps"),
    "refund_count": Text("退款", "refunds"),
}
"""Column → its name among twins, short because charts cut long names."""
_MORE_LESS = {
    "count": (Text("多", "more"), Text("少", "fewer")),
    "days": (Text("长", "longer"), Text("短", "shorter")),
}

_MIDDLE = Text("各项居中", "average throughout")
_PLAIN = Text("无突出特征", "nothing particular")


def profile_names(
    columns: Sequence[str], apart: Sequence[Sequence[float]], kinds: Sequence[Sequence[Text]]
) -> list[Text]:
    """Return a name per segment, all different.

    ``apart`` has, per segment and column, how many standard deviations its mean is above that of all
    customers; ``kinds`` the words for the classes that are typical of it, which come last.
    """
    names = [_name(columns, row, more) for row, more in zip(apart, kinds, strict=True)]
    return unique(names, columns, apart)


def unique(names: Sequence[Text], columns: Sequence[str], apart: Sequence[Sequence[float]]) -> list[Text]:
    """Tell segments of one name apart by the column in which they differ most, else by number.

    What tells them apart comes first, because charts cut long names: of two that are high, one is very high.
    """
    made = list(names)
    for name in dict.fromkeys(names):
        twins = [at for at, other in enumerate(names) if other == name]
        if len(twins) == 1:
            continue
        spread = [
            max(apart[at][c] for at in twins) - min(apart[at][c] for at in twins) for c in range(len(columns))
        ]
        if spread and max(spread) > 0:
            place = spread.index(max(spread))
            order = sorted(twins, key=lambda at: -apart[at][place])
            top = max(twins, key=lambda at: abs(apart[at][place]))
            word = _word(columns[place], apart[top][place] > 0)
            if len(twins) == 2 and word.zh in name.zh.split("·") and word.zh[0] in "高低":
                made[top] = _very(name, word)
                continue
            told = _ranked(columns[place], len(twins))
        else:
            order, told = twins, [Text(str(rank), str(rank)) for rank in range(1, len(twins) + 1)]
        for at, more in zip(order, told, strict=True):
            made[at] = Text(f"{more.zh}：{name.zh}", f"{_capital(more.en)}: {name.en}")
    return made


def _very(name: Text, word: Text) -> Text:
    zh = ["超" + each if each == word.zh else each for each in name.zh.split("·")]
    en = [f"very {word.en}" if each.lower() == word.en else each for each in name.en.split(", ")]
    return Text("·".join(zh), _capital(", ".join(en)))


def _name(columns: Sequence[str], row: Sequence[float], kinds: Sequence[Text]) -> Text:
    places = list(_HIGH_LOW)
    known = sorted(
        (at for at, value in enumerate(row) if abs(value) >= APART),
        key=lambda at: (places.index(columns[at]) if columns[at] in places else len(places), at),
    )
    strongest = sorted(known, key=lambda at: -abs(row[at]))[:_MOST]
    words = [_word(columns[at], row[at] > 0) for at in known if at in strongest]
    words += list(kinds)[: max(1, _MOST - len(words))]
    words = words or [_MIDDLE if columns else _PLAIN]
    return Text("·".join(word.zh for word in words), _capital(", ".join(word.en for word in words)))


def _word(column: str, high: bool) -> Text:
    if column in _HIGH_LOW:
        return _HIGH_LOW[column][0 if high else 1]
    name = measure_of(column)
    if name.unit == "boolean":
        return Text(f"{name.zh}多为{'是' if high else '否'}", f"mostly {'' if high else 'not '}{name.en}")
    return Text(f"{name.zh}{'高' if high else '低'}", f"{'high' if high else 'low'} {name.en}")


def _ranked(column: str, count: int) -> list[Text]:
    """Return how the segments of one name differ, the highest in the column first."""
    measure = measure_of(column)
    name = _SHORT.get(column, measure.text)
    more, less = _MORE_LESS.get(measure.unit, (Text("高", "higher"), Text("低", "lower")))
    if count == 2:
        return [Text(f"{name.zh}较{word.zh}", f"{word.en} {name.en}") for word in (more, less)]
    return [
        Text(f"{name.zh}第 {rank} {more.zh}", f"{name.en} {rank} of {count}") for rank in range(1, count + 1)
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def typical(values: pl.Series, column: str, codes: Codes, count: int) -> list[tuple[float, Text] | None]:
    """Return per segment its most typical class of a column with how much more frequent it is, or None.

    Typical are the fewest values, three at most, that at least half of the segment have (who is unknown
    has none), each at least 1.2 times as often as those of whom it is known among all customers.
    """
    name = measure_of(column)
    found: list[tuple[float, Text] | None] = []
    overall = dict(values.drop_nulls().value_counts(normalize=True).iter_rows())
    for at in range(count):
        everybody = values.filter(pl.Series(codes == at))
        inside = everybody.drop_nulls().value_counts(normalize=True, sort=False)
        inside = inside.sort("proportion", values.name, descending=[True, False])
        often = [(value, share) for value, share in inside.iter_rows() if share >= LIFT * overall[value]]
        best: tuple[float, Text] | None = None
        for most in range(1, min(_VALUES, len(often)) + 1):
            share = sum(each for _, each in often[:most])
            if share * (1 - everybody.null_count() / len(everybody)) >= HALF:
                said = [value for value, _ in often[:most]]
                best = (share / sum(overall[value] for value in said), _class(name, said))
                break
        found.append(best)
    return found


def _class(name: Measure, values: Sequence[object]) -> Text:
    if values == [True]:
        return name.text
    said = [Text("否", "no") if value is False else Text(str(value), str(value)) for value in values]
    return Text(
        f"{name.zh}：{'、'.join(value.zh for value in said)}",
        f"{name.en}: {', '.join(value.en for value in said)}",
    )


def kinds(rows: pl.DataFrame, columns: Sequence[str], codes: Codes, count: int) -> list[list[Text]]:
    """Return per segment the words for its typical classes, the most particular first.

    A truth value that is not is said only where nothing else is.
    """
    found: list[list[tuple[float, bool, Text]]] = [[] for _ in range(count)]
    for column in columns:
        truth = rows.schema[column] == pl.Boolean
        for at, best in enumerate(typical(rows[column], column, codes, count)):
            if best:
                found[at].append((best[0], truth and best[1] != measure_of(column).text, best[1]))
    words = []
    for each in found:
        ranked = sorted(each, key=lambda one: (one[1], -one[0], one[2]))
        plain = [text for _, negative, text in ranked if not negative]
        words.append(plain or [text for _, _, text in ranked[:1]])
    return words
