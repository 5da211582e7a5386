"""The contract of plugins as tests, for plugin authors and for ourselves.

::

    from crmlab.testing import parametrize_with_checks

    @parametrize_with_checks([CityTier()])
    def test_contract(estimator, check):
        check(estimator)

pytest is needed for the decorator alone; ``checks_for`` works without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmlab import conformance
from crmlab.conformance_tools import Sample
from crmlab.errors import MissingExtraError, ParamsError, did_you_mean
from crmlab.estimators import Annotator, Classifier, Estimator, Feature, Model, Source
from crmlab.sample_tables import AS_OF, sample_features, sample_feedback, sample_tables

if TYPE_CHECKING:
    import polars as pl
    import pytest

__all__ = [
    "AS_OF",
    "CHECKS",
    "Check",
    "Sample",
    "checks_for",
    "parametrize_with_checks",
    "sample_features",
    "sample_feedback",
    "sample_tables",
]

_ROWS = (Classifier, Model, Annotator)


@dataclass(frozen=True)
class Check:
    """One rule of the contract; calling it on a plugin raises AssertionError where it is broken."""

    rule: str
    kinds: tuple[type[Estimator], ...]
    run: Callable[[Any, Sample], None]
    applies: Callable[[Estimator], bool] = field(default=lambda plugin: True)

    @property
    def name(self) -> str:
        """The name to exempt it by."""
        return self.run.__name__

    def __call__(self, estimator: Estimator, sample: Sample | None = None) -> None:
        """Check one plugin, on the sample tables unless others are given."""
        who = f"{type(estimator).__name__} ({type(estimator).__module__})"
        try:
            self.run(estimator, sample or sample_for(estimator))
        except AssertionError as broken:
            raise AssertionError(f"{who} breaks the rule “{self.rule}”: {broken}") from None
        except Exception as error:
            raise AssertionError(
                f"{who} breaks the rule “{self.rule}”: it raises {type(error).__name__}: {error}"
            ) from error


CHECKS: tuple[Check, ...] = (
    Check("parameters survive YAML and JSON", (Estimator,), conformance.parameters_survive),
    Check("one label per customer", (*_ROWS, Feature), conformance.one_row_per_customer),
    Check("row order and id renaming irrelevant", (*_ROWS, Feature), conformance.row_order_irrelevant),
    Check(
        "row order and id renaming irrelevant",
        (*_ROWS, Feature),
        conformance.id_renaming_irrelevant,
        conformance.judges_alone,
    ),
    Check("one customer alone gets the same label", _ROWS, conformance.one_alone, conformance.judges_alone),
    Check("labels within the scheme", (Classifier,), conformance.labels_in_scheme),
    Check("a confidence for each label", (Classifier,), conformance.confidence),
    Check("both languages present", (Estimator,), conformance.both_languages),
    Check("missing features named", _ROWS, conformance.missing_features_named),
    Check("nulls", _ROWS, conformance.nulls),
    Check("empty table", (*_ROWS, Feature), conformance.empty_table),
    Check("input unchanged", (*_ROWS, Feature), conformance.input_unchanged),
    Check("same result twice", (*_ROWS, Feature, Source), conformance.same_twice),
    Check("state round-trips", _ROWS, conformance.state_round_trips),
    Check("no heavy import at module level", (Estimator,), conformance.no_heavy_import),
    Check(
        "rows after as_of change nothing",
        (Classifier, Model, Feature),
        conformance.nothing_after_as_of,
        conformance.applies_after_as_of,
    ),
    Check("probabilities within 0–1", (Model,), conformance.probabilities),
    Check("evaluate() reports its baseline", (Model,), conformance.baseline),
)
"""Every check, in the order of the contract."""


def checks_for(estimator: Estimator) -> tuple[Check, ...]:
    """Return the checks that apply to a plugin, by its kind and what it requires."""
    return tuple(check for check in CHECKS if isinstance(estimator, check.kinds) and check.applies(estimator))


def sample_for(
    estimator: Estimator,
    features: pl.DataFrame | None = None,
    tables: Mapping[str, pl.DataFrame] | None = None,
    feedback: pl.DataFrame | None = None,
) -> Sample:
    """Return what a plugin is checked on: the sample tables, or the author's own."""
    requires = estimator.requires if isinstance(estimator, Classifier | Model) else ()
    return Sample(
        features=sample_features(*requires) if features is None else features,
        tables=dict(sample_tables() if tables is None else tables),
        feedback=sample_feedback() if feedback is None else feedback,
        as_of=AS_OF,
    )


def parametrize_with_checks(
    estimators: Sequence[Estimator],
    *,
    exempt: Mapping[str, str] | None = None,
    features: pl.DataFrame | None = None,
    tables: Mapping[str, pl.DataFrame] | None = None,
    feedback: pl.DataFrame | None = None,
) -> pytest.MarkDecorator:
    """Return a pytest mark that runs a test once per plugin and check that applies to it.

    The test takes ``estimator`` and ``check`` and calls ``check(estimator)``. ``exempt`` maps the
    name of a check to the reason why these plugins cannot pass it; an exempted check that passes is
    a failure. ``features``, ``tables`` and ``feedback`` replace the sample tables, for columns whose
    values cannot be guessed from their names; rows later than ``AS_OF`` count as the future.

    Raises MissingExtraError without pytest, ParamsError for an exemption that has no reason, or that
    names no check of one of these plugins.
    """
    try:
        import pytest
    except ImportError as error:
        raise MissingExtraError(
            "parametrize_with_checks needs pytest. Install it with `pip install 'crmlab[dev]'`."
        ) from error
    exempt = dict(exempt or {})
    cases = []
    for estimator in estimators:
        checks = checks_for(estimator)
        _check_exemptions(estimator, exempt, [check.name for check in checks])
        sample = sample_for(estimator, features, tables, feedback)
        for check in checks:
            marks = []
            if check.name in exempt:
                marks.append(pytest.mark.xfail(reason=exempt[check.name], raises=AssertionError, strict=True))
            cases.append(
                pytest.param(
                    estimator, _on(check, sample), marks=marks, id=f"{_named(estimator)}-{check.name}"
                )
            )
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _on(check: Check, sample: Sample) -> Callable[[Estimator], None]:
    def run(estimator: Estimator) -> None:
        check(estimator, sample)

    return run


def _named(estimator: Estimator) -> str:
    """Name a plugin by its class and the parameters that are not its defaults."""
    params = [
        f"{item.name}={value}"
        for item in type(estimator).__dataclass_fields__.values()  # type: ignore[attr-defined]
        if (value := getattr(estimator, item.name, None)) != item.default and len(str(value)) < 30
    ]
    return f"{type(estimator).__name__}({','.join(params)})" if params else type(estimator).__name__


def _check_exemptions(estimator: Estimator, exempt: Mapping[str, str], names: list[str]) -> None:
    for name, reason in exempt.items():
        if name not in names:
            raise ParamsError(
                f"No check of {type(estimator).__name__} is named {name!r}.{did_you_mean(name, names)} "
                f"It has: {', '.join(names)}."
            )
        if not reason.strip():
            raise ParamsError(f"The exemption from {name!r} has no reason. Say why the check cannot pass.")
