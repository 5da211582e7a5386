"""What a few labels of one's own add to a model of sentiment that is there already.

Logistic regression whose starting point is the model: the log-odds of a text are the model's, times a
slope, plus an intercept, plus weights of characters, words and pairs of neighbours. The penalty pulls the
slope towards 1 and all else towards 0 (a Gaussian prior centred on the model; Bishop 2006, Pattern
Recognition and Machine Learning, 4.5), so without evidence the model stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "crmlab sentiment correction 1"

CERTAIN = 0.001
"""A model is taken to be no surer than this far from 0 and from 1."""

SEEN_IN = 2
"""A term must occur in this many labelled texts."""

PENALTY_TERMS = 0.3
PENALTY_SLOPE = 1.0
PENALTY_INTERCEPT = 0.01
"""Inverse variances of the prior. The first was chosen on takeaway reviews, where 0.1 to 1 differ little."""

_UNIT = r"\p{Han}|[\p{L}\p{N}'--\p{Han}]+|[!?]|\p{Extended_Pictographic}"


@dataclass(frozen=True)
class Correction:
    """A slope, an intercept and a weight per term, learned from ``labels`` labelled texts."""

    terms: tuple[str, ...]
    weights: tuple[float, ...]
    slope: float
    intercept: float
    labels: int

    @classmethod
    def fit(cls, texts: pl.Series, probabilities: pl.Series, positive: pl.Series) -> Correction:
        """Learn from labelled texts, the model's probabilities for them, and what people say (Boolean)."""
        import numpy as np
        from scipy.optimize import minimize
        from scipy.sparse import csr_matrix

        found = occurrences(texts)
        counts = found.group_by("term").len().filter(pl.col("len") >= SEEN_IN)
        terms = counts["term"].sort()
        places = pl.DataFrame({"term": terms}).with_row_index("column")
        known = found.join(places, on="term").sort("row", "column")
        rows, columns = known["row"].to_numpy(), known["column"].to_numpy()
        shape = (len(texts), len(terms))
        sizes = np.bincount(rows, minlength=len(texts))
        matrix = csr_matrix((1 / np.sqrt(sizes[rows]), (rows, columns)), shape=shape)
        prior = _log_odds(probabilities)
        signs = np.where(positive.to_numpy(), 1.0, -1.0)
        penalty = np.concatenate(([PENALTY_SLOPE, PENALTY_INTERCEPT], np.full(len(terms), PENALTY_TERMS)))

        def loss(given: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            margin = signs * (prior * (1 + given[0]) + given[1] + matrix @ given[2:])
            slope = -signs / (1 + np.exp(margin))
            gradient = np.concatenate(([slope @ prior, slope.sum()], matrix.T @ slope))
            value = np.logaddexp(0, -margin).sum() + (penalty * given**2).sum() / 2
            return float(value), gradient + penalty * given

        start = np.zeros(2 + len(terms))
        best = np.round(minimize(loss, start, jac=True, method="L-BFGS-B").x, 4)
        weights = tuple(best[2:].tolist())
        return cls(tuple(terms.to_list()), weights, round(1 + best[0], 4), float(best[1]), len(texts))

    def apply(self, texts: pl.Series, probabilities: pl.Series) -> pl.Series:
        """Return the corrected probabilities; null where the model has none."""
        import numpy as np

        weights = pl.DataFrame({"term": self.terms, "weight": self.weights}, schema=_WEIGHTS)
        # One order of adding, so that a text gets the same sum alone as among others.
        known = occurrences(texts).join(weights, on="term").sort("row", "term")
        of_terms = known.group_by("row", maintain_order=True).agg(
            value=pl.col("weight").sum() / pl.len().sqrt()
        )
        added = np.zeros(len(texts))
        added[of_terms["row"].to_numpy()] = of_terms["value"].to_numpy()
        log_odds = _log_odds(probabilities) * self.slope + self.intercept + added
        corrected = pl.Series(probabilities.name, 1 / (1 + np.exp(-log_odds)))
        return corrected.fill_nan(None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Correction:
        """Return what :meth:`to_dict` wrote; raise ValueError, TypeError or KeyError for anything else."""
        if values["format"] != FORMAT:
            raise ValueError("another format")
        terms, weights = tuple(map(str, values["terms"])), tuple(map(float, values["weights"]))
        if len(terms) != len(weights):
            raise ValueError("not one weight per term")
        numbers = float(values["slope"]), float(values["intercept"])
        return cls(terms, weights, *numbers, int(values["labels"]))

    def save(self, path: Path) -> None:
        """Write JSON; the same correction gives the same bytes."""
        from crmlab.data.exports import whole

        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
        try:
            with whole(path) as draft:
                draft.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None

    @classmethod
    def read(cls, path: Path) -> Correction:
        """Read what :meth:`save` wrote; raise DataError for what is absent or something else."""
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or "it is not what `crmlab label` writes"
            raise DataError(
                f"The correction {path} cannot be read: {reason}. "
                "Make one with: crmlab label STUDY --from ROWS --save CORRECTION"
            ) from None


def occurrences(texts: pl.Series) -> pl.DataFrame:
    """Return ``row`` and ``term`` once for each term of each text.

    Terms are Chinese characters, words, marks and emoji, and pairs of neighbours with a space between.
    """
    level = pl.col("text").str.normalize("NFKC").str.to_lowercase()
    units = (
        pl.DataFrame({"text": texts.cast(pl.String)})
        .with_row_index("row")
        .select("row", level.str.extract_all(_UNIT).alias("term"))
        .explode("term", empty_as_null=True)
        .drop_nulls()
    )
    joined = pl.col("row") == pl.col("row").shift(-1)
    pairs = units.filter(joined.fill_null(False)).select("row")
    both = units.select(term=pl.col("term") + " " + pl.col("term").shift(-1)).filter(
        units.select(joined.fill_null(False)).to_series()
    )
    return pl.concat([units, pairs.hstack(both)]).unique(maintain_order=True)


def _log_odds(probabilities: pl.Series) -> NDArray[np.float64]:
    import numpy as np

    p = np.clip(probabilities.cast(pl.Float64).fill_null(np.nan).to_numpy(), CERTAIN, 1 - CERTAIN)
    found: NDArray[np.float64] = np.log(p / (1 - p))
    return found


_WEIGHTS = {"term": pl.String, "weight": pl.Float64}
