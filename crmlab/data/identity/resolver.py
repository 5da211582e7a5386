"""The probabilistic resolver: records that agree in much, though in no key (Fellegi and Sunter 1969).

Each field is compared on a few levels, from equal to different. How much a level speaks for a match is
its frequency among matches, learned by expectation maximisation, over its frequency among random pairs;
equal values count by their rarity. No labels are used. The computation is splink's (Linacre et al. 2022,
International Journal of Population Data Science 7(3)) on an in-memory DuckDB; nothing leaves the process.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.data.identity.clusters import PAIR_SCHEMA
from crmlab.data.identity.comparisons import FIELDS, Comparison, comparison, prepared
from crmlab.data.identity.evidence import PROBABILISTIC
from crmlab.data.identity.keys import check_ids
from crmlab.errors import DataError, MissingExtraError, ParamsError, did_you_mean

if TYPE_CHECKING:
    from splink import SettingsCreator
    from splink.internals.splink_dataframe import SplinkDataFrame

LEAST_SCORE = 0.9
"""Pairs less probable than this are not proposed; fixed beforehand, from no labelled data."""

_SEED = 1
_SAMPLED_PAIRS = 1e6
_PAIRS_PER_RECORD = 10
"""Records are compared where they agree in a field, or two, that few others share: on average no more."""
_FEWEST_PAIRS = 30
"""Fewer pairs that agree in two identifying fields are too few to learn from."""
_TRAINED_ON = 3
_STEPS = (25, 5, 1)
"""Steps of expectation maximisation; fewer are tried where more drive a level's share to nothing."""
_RAREST_AMONG_MATCHES = 0.001
_RAREST_AT_RANDOM = 1e-6
"""The least share of a level: one slip in a thousand records, and one chance in the sampled pairs."""
_RECALL = 0.8
"""Assumed share of the matches that agree in two identifying fields; the result hardly depends on it."""


def resolve(
    customers: pl.DataFrame,
    fields: Mapping[str, Comparison] | None = None,
    least_score: float = LEAST_SCORE,
) -> pl.DataFrame:
    """Return the pairs of ``customers`` that are probably one customer, as ``clusters.PAIR_SCHEMA``.

    ``fields`` says how columns are compared; the default are the canonical columns that are there. The
    score is the probability of a match. Needs the extra ``identity``. Raises MissingExtraError without
    it, ParamsError for fields that are unknown, DataError where too few records agree to learn from.
    """
    check_ids(customers)
    chosen = _chosen(customers, fields)
    records = prepared(customers, chosen)
    keys, blocks = _blocks(records, chosen)
    with _database(records) as table:
        from splink import Linker

        model = _learned(table, _settings(chosen, blocks), keys)
        linker = Linker(table, model, log_level=None)
        found = linker.inference.predict(threshold_match_probability=least_score)
        pairs: pl.DataFrame = found.as_duckdbpyrelation().pl()
    return _as_pairs(pairs, chosen)


def _chosen(customers: pl.DataFrame, fields: Mapping[str, Comparison] | None) -> dict[str, Comparison]:
    wanted = (
        fields
        if fields is not None
        else {name: kind for name, kind in FIELDS.items() if name in customers.columns}
    )
    for name in wanted:
        if name not in customers.columns:
            raise ParamsError(
                f"The field {name!r} is no column of the customers.{did_you_mean(name, customers.columns)} "
                f"They have: {', '.join(customers.columns)}."
            )
    filled = {name: kind for name, kind in wanted.items() if customers[name].null_count() < customers.height}
    if len(filled) < 3:
        raise DataError(
            f"Records are compared in at least three fields that are filled; the customers have {len(filled)}"
            f" of these: {', '.join(wanted)}. Use the deterministic keys alone."
        )
    return filled


def _blocks(
    records: pl.DataFrame, fields: Mapping[str, Comparison]
) -> tuple[dict[str, float], list[tuple[str, ...]]]:
    """Choose the identifying columns, and what records must agree in to be compared at all."""
    most = _PAIRS_PER_RECORD * records.height
    names = [
        name for field, kind in fields.items() for name in kind.blocking(field) if name in records.columns
    ]
    sizes = {(name,): _pairs(records, (name,)) for name in names}
    singles: list[tuple[str, ...]] = [block for block, size in sizes.items() if 0 < size <= most]
    rest = [name for name in names if sizes[name,] > most]
    doubles = [block for block in combinations(rest, 2) if 0 < _pairs(records, block) <= most]
    keys, agreeing = _training_keys(
        records, [name for name, kind in fields.items() if (name,) in singles and not kind.shared]
    )
    if agreeing < _FEWEST_PAIRS:
        raise DataError(
            f"Only {agreeing:,} pairs of {records.height:,} records agree in two identifying fields; the "
            f"probabilistic resolver learns from {_FEWEST_PAIRS} at least. Use the deterministic keys alone."
        )
    return keys, [*singles, *doubles]


def _training_keys(records: pl.DataFrame, names: list[str]) -> tuple[dict[str, float], int]:
    """Choose the fields to learn from, with their weights, and count the pairs that agree in two of them.

    The weight is the largest share of the pairs equal in the field that are equal in another as well: of
    many customers with one birthday hardly any two are one person. Chosen is where most pairs agree in two
    fields of much weight; a field that nearly every record has for itself alone teaches nothing.
    """
    agreeing = {pair: _pairs(records, pair) for pair in combinations(names, 2)}
    weights = {
        name: max((size for pair, size in agreeing.items() if name in pair), default=0)
        / _pairs(records, (name,))
        for name in names
    }

    def worth(keys: tuple[str, ...]) -> float:
        return sum(
            agreeing[one, other] * weights[one] * weights[other] for one, other in combinations(keys, 2)
        )

    best = max(combinations(names, min(_TRAINED_ON, len(names))), key=worth)
    return {name: weights[name] for name in best if weights[name]}, sum(
        agreeing[pair] for pair in combinations(best, 2)
    )


def _pairs(records: pl.DataFrame, names: tuple[str, ...]) -> int:
    sizes = records.select(names).drop_nulls().group_by(names).len()["len"].cast(pl.Int64)
    return int((sizes * (sizes - 1) // 2).sum())


@contextlib.contextmanager
def _database(records: pl.DataFrame) -> Iterator[SplinkDataFrame]:
    """Lend the records in a database of their own, in which splink keeps quiet."""
    try:
        import duckdb
        from splink import DuckDBAPI
    except ImportError:
        raise MissingExtraError(
            "The probabilistic resolver needs splink: pip install 'crmlab[identity]'. The deterministic keys "
            "work without it."
        ) from None
    log = logging.getLogger("splink")
    level = log.level
    log.setLevel(logging.ERROR)
    # One thread: sums of fractions then come out the same every time.
    connection = duckdb.connect(":memory:", config={"threads": 1})
    try:
        yield DuckDBAPI(connection).register(records.to_arrow())
    finally:
        connection.close()
        log.setLevel(level)


def _settings(fields: Mapping[str, Comparison], blocks: list[tuple[str, ...]]) -> SettingsCreator:
    from splink import SettingsCreator, block_on

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=[comparison(name, kind) for name, kind in fields.items()],
        blocking_rules_to_generate_predictions=[block_on(*block) for block in blocks],
        retain_matching_columns=True,
    )


def _learned(table: SplinkDataFrame, settings: SettingsCreator, keys: dict[str, float]) -> dict[str, Any]:
    """Learn how often each level occurs among random pairs and among matches."""
    from splink import Linker, block_on

    linker = Linker(table, settings, log_level=None)
    training = linker.training
    agree: list[Any] = [block_on(*pair) for pair in combinations(keys, 2)]
    training.estimate_probability_two_random_records_match(agree, recall=_RECALL)
    training.estimate_u_using_random_sampling(max_pairs=_SAMPLED_PAIRS, seed=_SEED)
    model = linker.misc.save_model_to_json()
    return _with_shares(model, [(_shares(table, model, key), weight) for key, weight in keys.items()])


def _shares(table: SplinkDataFrame, model: dict[str, Any], key: str) -> dict[str, list[float]]:
    """Learn the levels' shares among matches from the pairs that agree in ``key``, for the other fields."""
    from splink import Linker, block_on

    for steps in _STEPS:
        learner = Linker(table, model | {"max_iterations": steps}, log_level=None)
        # A level that no match is on becomes so rare, step by step, that no number is small enough.
        with contextlib.suppress(ValueError):
            learner.training.estimate_parameters_using_expectation_maximisation(
                block_on(key), estimate_without_term_frequencies=True
            )
            break
    learned = learner.misc.save_model_to_json()
    return {
        field["output_column_name"]: [level.get("m_probability", 0.0) for level in _levels(field)]
        for field in learned["comparisons"]
        if any("m_probability" in level for level in _levels(field))
    }


def _with_shares(model: dict[str, Any], shares: list[tuple[dict[str, list[float]], float]]) -> dict[str, Any]:
    """Take the weighted mean of what was learned from each key, within what is plausible.

    No level is impossible, and none speaks more for a match than the level above it: where hardly any
    match has a field, what is learned of it is chance.
    """
    for field in model["comparisons"]:
        levels = _levels(field)
        name, total = field["output_column_name"], [0.0] * len(levels)
        weight = sum(part for learned, part in shares if name in learned)
        for learned, part in shares:
            for place, value in enumerate(learned.get(name, ())):
                total[place] += value * part / weight
        floored = [max(mean, _RAREST_AMONG_MATCHES) for mean in total]
        most, left = math.inf, 1.0
        for level, share in zip(levels[:-1], floored, strict=False):
            level.setdefault("u_probability", _RAREST_AT_RANDOM)
            most = min(most, share / sum(floored) / level["u_probability"])
            level["m_probability"] = most * level["u_probability"]
            left -= level["m_probability"]
        levels[-1].setdefault("u_probability", _RAREST_AT_RANDOM)
        levels[-1]["m_probability"] = left
    return model


def _levels(field: dict[str, Any]) -> list[dict[str, Any]]:
    return [level for level in field["comparison_levels"] if not level.get("is_null_level")]


def _as_pairs(pairs: pl.DataFrame, fields: Mapping[str, Comparison]) -> pl.DataFrame:
    """Put the smaller id first, and name the fields that are equal or similar."""
    left, right = pl.col("record_id_l"), pl.col("record_id_r")
    said: list[pl.Expr] = [pl.lit(PROBABILISTIC)]
    for name, kind in fields.items():
        level = pl.col(f"gamma_{name}")
        same = pl.when(level == kind.levels).then(pl.lit(name))
        said.append(same.when(level > 0).then(pl.lit(f"~{name}")))
    return (
        pairs.select(
            left=pl.min_horizontal(left, right),
            right=pl.max_horizontal(left, right),
            evidence=pl.concat_list(said).list.drop_nulls(),
            score=pl.col("match_probability").round(6),
        )
        .cast(PAIR_SCHEMA)
        .sort("left", "right")
    )
