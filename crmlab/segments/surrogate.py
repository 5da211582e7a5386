"""A surrogate: the few readable rules that come nearest to a segmentation, and how near they come.

The tree is grown by CART (Breiman et al. 1984) to imitate labels, as in Craven & Shavlik (1995,
NIPS 8:24–30). Its thresholds are rounded to what one would say aloud, and fidelity is that of the
rounded rules: what a reader reads is what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, inf, log10, nan
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from crmlab.intervals import wilson
from crmlab.labels import Measure, Text

if TYPE_CHECKING:
    import numpy as np

SEED = 0
FOLDS = 5
MOST = 5_000
"""Customers that the rules are learned from; more would not change a tree of this size."""
_MOVED = 0.01
"""Share of a node's customers that the rounding of a threshold may move to the other side."""
_WORDS = 8
"""Most frequent values of a text column that a rule may speak of."""


class Fidelity(NamedTuple):
    """The share of held-out customers whom the rules give their label, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Surrogate:
    """Rules that imitate labels: ``rules`` per label, ``fidelity`` on customers held out.

    A label that no rule gives has a rule that says so. ``baseline`` is the share of the largest
    label: what saying it of everybody would reach. ``leaves`` counts the rules.
    """

    rules: dict[str, Text]
    fidelity: Fidelity
    baseline: float
    leaves: int
    customers: int


def surrogate(
    features: pl.DataFrame,
    labels: pl.Series,
    depth: int = 3,
    names: Mapping[str, Measure] | None = None,
) -> Surrogate:
    """Return the rules of a tree of ``depth`` that imitates ``labels``, one per row of ``features``.

    Columns of numbers, dates, truth values and texts are used as they are (texts by their eight most
    frequent values), others and ``customer_id`` are left out; an unknown value is a branch of its own.
    ``names`` says what readers call the columns. Fidelity is that of five-fold cross-validation, the
    interval Wilson's; all NaN for fewer than ten customers, and where no column is of use. At most
    5,000 customers with a fixed seed.
    """
    import numpy as np

    columns = _columns(features)
    matrix, kept = _matrix(features, labels, columns)
    known = sorted({str(label) for label in labels.unique()})
    codes = np.asarray(kept.replace_strict(known, range(len(known)), return_dtype=pl.Int64))
    paths = _paths(_grow(matrix, codes, depth, columns), {}) if columns else []
    rules = {
        label: _rule([path for path, code in paths if known[code] == label], columns, names or {})
        for label in known
    }
    total = len(kept)
    return Surrogate(
        rules=rules,
        fidelity=_fidelity(matrix, codes, depth, columns),
        baseline=float(np.bincount(codes).max() / total) if total else nan,
        leaves=len(paths),
        customers=total,
    )


class _Column(NamedTuple):
    """A column of the matrix: where it comes from, what kind it is, and the value it asks for."""

    source: str
    kind: str
    value: str | None = None


class _Split(NamedTuple):
    """Left: at most ``threshold``, and the unknown where ``unknown_left`` (None: there are none)."""

    column: int
    threshold: float
    unknown_left: bool | None
    left: Any
    right: Any


def _columns(features: pl.DataFrame) -> list[_Column]:
    """Return what a tree may ask, in the order of the names: the order of columns must not matter."""
    columns = []
    for name, dtype in sorted(features.schema.items()):
        if name == "customer_id":
            continue
        if dtype.is_integer() or dtype == pl.Date:
            columns.append(_Column(name, "date" if dtype == pl.Date else "whole"))
        elif dtype.is_numeric():
            columns.append(_Column(name, "real"))
        elif dtype == pl.Boolean:
            columns.append(_Column(name, "truth"))
        elif dtype in (pl.String, pl.Categorical, pl.Enum):
            counts = features[name].cast(pl.String).drop_nulls().value_counts()
            top = counts.sort(["count", name], descending=[True, False]).head(_WORDS)[name]
            columns += [_Column(name, "word", word) for word in top]
    return columns


def _matrix(
    features: pl.DataFrame, labels: pl.Series, columns: list[_Column]
) -> tuple[np.ndarray[Any, Any], pl.Series]:
    """Return numbers, unknown as NaN, and labels; sorted by what they hold, so that row order is nothing."""
    asked = [
        (
            pl.col(c.source).cast(pl.String) == c.value
            if c.value is not None
            else pl.col(c.source).to_physical()
        )
        .cast(pl.Float64)
        .fill_nan(None)
        .alias(str(at))
        for at, c in enumerate(columns)
    ]
    frame = features.select(*asked, labels.cast(pl.String).alias("label")).sort(pl.all())
    if frame.height > MOST:
        frame = frame.sample(MOST, seed=SEED)
    return frame.drop("label").to_numpy().astype(float).reshape(frame.height, len(columns)), frame["label"]


def _grow(
    matrix: np.ndarray[Any, Any], codes: np.ndarray[Any, Any], depth: int, columns: list[_Column]
) -> Any:
    """Return nested splits with the code of a label at each leaf; None without customers."""
    import numpy as np
    from sklearn.tree import DecisionTreeClassifier

    if not len(codes):
        return None
    if len(np.unique(codes)) < 2:
        return int(np.bincount(codes).argmax())
    least = max(2, min(5, len(codes) // 10), len(codes) // 100)
    learner = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=least, random_state=SEED)
    inner = learner.fit(matrix, codes).tree_

    def node(at: int, rows: np.ndarray[Any, Any]) -> Any:
        if inner.children_left[at] < 0 or not len(rows):
            return int(learner.classes_[inner.value[at][0].argmax()])
        column = int(inner.feature[at])
        values = matrix[rows, column]
        unknown = np.isnan(values)
        left_unknown = bool(inner.missing_go_to_left[at]) if unknown.any() else None
        threshold = rounded(values[~unknown], float(inner.threshold[at]), columns[column].kind)
        goes = np.where(unknown, bool(left_unknown), values <= threshold)
        left = node(int(inner.children_left[at]), rows[goes])
        right = node(int(inner.children_right[at]), rows[~goes])
        return left if left == right else _Split(column, threshold, left_unknown, left, right)

    return node(0, np.arange(len(codes)))


def rounded(values: np.ndarray[Any, Any], threshold: float, kind: str = "real") -> float:
    """Return the threshold in as few digits as leave all but 1 % of the values on their side."""
    if kind in ("truth", "word"):
        return 0.5
    if kind == "date" or not len(values) or abs(threshold) == inf:
        return float(floor(threshold)) if abs(threshold) < inf else threshold
    size = floor(log10(abs(threshold))) if threshold else 0
    for digits in range(1, 12):
        places = digits - 1 - size
        near = round(threshold, places)
        if ((values <= near) != (values <= threshold)).mean() <= _MOVED:
            return float(near)
        if kind == "whole" and places >= 0:
            break
    return float(floor(threshold)) if kind == "whole" else threshold


def _told(tree: Any, matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the code that the rules give each row."""
    import numpy as np

    if not isinstance(tree, _Split):
        return np.full(len(matrix), tree)
    values = matrix[:, tree.column]
    goes = np.where(np.isnan(values), bool(tree.unknown_left), values <= tree.threshold)
    return np.where(goes, _told(tree.left, matrix), _told(tree.right, matrix))


def _fidelity(
    matrix: np.ndarray[Any, Any], codes: np.ndarray[Any, Any], depth: int, columns: list[_Column]
) -> Fidelity:
    import numpy as np

    total = len(codes)
    if total < 2 * FOLDS or not columns:
        return Fidelity(nan, nan, nan)
    fold = np.random.default_rng(SEED).permutation(total) % FOLDS
    hits = 0
    for out in range(FOLDS):
        tree = _grow(matrix[fold != out], codes[fold != out], depth, columns)
        hits += int((_told(tree, matrix[fold == out]) == codes[fold == out]).sum())
    return Fidelity(hits / total, *wilson(hits, total))


_ANY = (-inf, inf, None)
_Bounds = dict[int, tuple[float, float, bool | None]]
"""Per column: above, at most, and whether unknown values pass (None: there are none)."""


def _paths(tree: Any, bounds: _Bounds) -> list[tuple[_Bounds, int]]:
    """Return the way to each leaf and the code there."""
    if tree is None:
        return []
    if not isinstance(tree, _Split):
        return [(bounds, tree)]
    low, high, unknown = bounds.get(tree.column, (-inf, inf, None))
    passes = None if tree.unknown_left is None else tree.unknown_left and unknown is not False
    fails = None if tree.unknown_left is None else not tree.unknown_left and unknown is not False
    left = bounds | {tree.column: (low, min(high, tree.threshold), passes)}
    right = bounds | {tree.column: (max(low, tree.threshold), high, fails)}
    return _paths(tree.left, left) + _paths(tree.right, right)


def _rule(paths: list[_Bounds], columns: list[_Column], names: Mapping[str, Measure]) -> Text:
    if not paths:
        return Text("简单规则说不清这一类", "no simple rule tells this class")
    paths = _merged(paths)
    if paths == [{}]:
        return Text("所有客户", "every customer")
    ways = [[_condition(columns[at], *path[at], names) for at in _needed(path, columns)] for path in paths]
    return Text(
        "；或".join("，且".join(each.zh for each in way) for way in ways),
        "; or ".join(" and ".join(each.en for each in way) for way in ways),
    )


def _merged(paths: list[_Bounds]) -> list[_Bounds]:
    """Join ways that differ in one column only and meet there: "below 5" and "above 5" is everything."""
    for at, one in enumerate(paths):
        for other in paths[at + 1 :]:
            differ = [c for c in {*one, *other} if one.get(c, _ANY) != other.get(c, _ANY)]
            if len(differ) != 1 or {*one} != {*other}:
                continue
            (low, high, passes), (low2, high2, passes2) = one[differ[0]], other[differ[0]]
            if high != low2 and high2 != low:
                continue
            unknown = None if passes is None and passes2 is None else bool(passes or passes2)
            joined = dict(one) | {differ[0]: (min(low, low2), max(high, high2), unknown)}
            if joined[differ[0]][:2] == (-inf, inf) and unknown is not False:
                del joined[differ[0]]
            return _merged([joined, *(path for path in paths if path is not one and path is not other)])
    return paths


def _needed(path: _Bounds, columns: list[_Column]) -> list[int]:
    """Return the columns to speak of: of a text that is one value it need not be said what it is not."""
    known = {columns[at].source for at, (low, _, _) in path.items() if columns[at].kind == "word" and low > 0}
    return [
        at
        for at in sorted(path)
        if not (columns[at].kind == "word" and columns[at].source in known and path[at][0] <= 0)
    ]


def _condition(
    column: _Column, low: float, high: float, unknown: bool | None, names: Mapping[str, Measure]
) -> Text:
    name = names.get(column.source, Measure(column.source, column.source, "number"))
    if column.kind in ("truth", "word"):
        said = _said(column, name, high >= 1)
    elif abs(low) == inf and abs(high) == inf:
        return (
            Text(f"{name.zh}未知", f"{name.en} is unknown")
            if unknown
            else Text(f"{name.zh}已知", f"{name.en} is known")
        )
    else:
        said = between(name, low, high, column.kind)
    return Text(f"（{said.zh}或未知）", f"({said.en} or unknown)") if unknown else said


def _said(column: _Column, name: Measure, yes: bool) -> Text:
    if column.kind == "truth":
        return Text(f"{name.zh}为{'是' if yes else '否'}", f"{name.en} is {'yes' if yes else 'no'}")
    return Text(
        f"{name.zh}{'是' if yes else '不是'}“{column.value}”",
        f"{name.en} is {'' if yes else 'not '}“{column.value}”",
    )


def between(name: Measure, low: float, high: float, kind: str = "real") -> Text:
    """Write that a measure is above ``low`` and at most ``high``, either of which may be infinite."""
    first, last = written(low, name, kind), written(high, name, kind)
    if low == -inf:
        return Text(f"{name.zh} ≤ {last.zh}", f"{name.en} ≤ {last.en}")
    if high == inf:
        return Text(f"{name.zh} > {first.zh}", f"{name.en} > {first.en}")
    return Text(f"{first.zh} < {name.zh} ≤ {last.zh}", f"{first.en} < {name.en} ≤ {last.en}")


def written(value: float, name: Measure, kind: str = "real") -> Text:
    """Write a number of a measure with its unit, where its name does not say it: "30 days", "12.5%"."""
    if abs(value) == inf:
        return Text("∞", "∞")
    if kind == "date":
        from datetime import date, timedelta

        day = str(date(1970, 1, 1) + timedelta(days=int(value)))
        return Text(day, day)
    if name.unit == "share":
        share = f"{value * 100:,.2f}".rstrip("0").rstrip(".")
        return Text(f"{share}%", f"{share}%")
    digits = 2 if abs(value) >= 0.1 or value == 0 else 2 - floor(log10(abs(value)))
    plain = f"{value:,.{digits}f}".rstrip("0").rstrip(".")
    if name.unit == "days":
        return Text(
            plain if "天数" in name.zh else f"{plain} 天", plain if "days" in name.en else f"{plain} days"
        )
    return Text(plain, plain)
