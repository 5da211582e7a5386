"""What a classifier may offer beside its labels, so that its section of the report shows more.

Each is a protocol: a classifier offers it by having these members, whatever it derives from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from crmlab.labels import Measure, Text


@runtime_checkable
class Scored(Protocol):
    """Scores recency and frequency: :class:`crmlab.grid.Grid` lays customers out by them."""

    def cells(self) -> pl.DataFrame:
        """Return the cells of the grid with their label."""
        ...


@runtime_checkable
class Staged(Protocol):
    """Knows on which day each stage was reached: :class:`crmlab.funnel.Funnel` shows the way."""

    def reached_on(self, features: pl.DataFrame, as_of: date) -> pl.DataFrame:
        """Return one Date column per stage."""
        ...


@runtime_checkable
class Pipelined(Protocol):
    """Has stages in order, of which only the present one is known.

    ``pipeline`` are labels from the first stage to the one that was hoped for; ``pipeline_lost`` is the
    label of who left on the way.
    """

    pipeline: tuple[str, ...]
    pipeline_lost: str


@runtime_checkable
class CutsNumber(Protocol):
    """Goes by one number and the lines at which it is cut, perhaps with further conditions."""

    def cut_values(self, features: pl.DataFrame) -> pl.Series:
        """Return the number per row (Float64), null where unknown."""
        ...

    def cut_lines(self) -> Sequence[float]:
        """Return the cut-points, rising; none where nothing was learned."""
        ...

    def cut_measure(self) -> Measure:
        """Return what readers call the number, and its unit."""
        ...


@runtime_checkable
class TwoAxed(Protocol):
    """Has classes that are the cells of a matrix.

    ``matrix`` says for each label the names of its row and column, in the order of both; ``matrix_axes``
    what rows and columns are.
    """

    matrix: Mapping[str, tuple[Text, Text]]
    matrix_axes: tuple[Text, Text]


@runtime_checkable
class ShowsConfidence(Protocol):
    """Has a confidence that readers should see per class, for example a probability."""

    shows_confidence: bool


@runtime_checkable
class Interested(Protocol):
    """Knows several interests of each customer, beside the one that gives the label."""

    def memberships(self, features: pl.DataFrame) -> pl.DataFrame:
        """Return ``customer_id``, ``interest``, ``index`` (1 is average), ``stated``, ``probability``."""
        ...


@runtime_checkable
class Chosen(Protocol):
    """Learned its classes, and chose their number among candidates."""

    def choice(self) -> pl.DataFrame:
        """Return one row per candidate.

        ``segments``, ``stability``, ``smallest_share``, ``separation``, ``bic``, ``silhouette`` (each null
        where not judged), ``chosen``, and the verdict in words (``zh``, ``en``).
        """
        ...


@runtime_checkable
class Ruled(Protocol):
    """Tells its classes by rules that come near them.

    ``surrogate_`` has ``fidelity``, the share of customers held out whom the rules give their class, with
    the ends of its 95 % interval (all None where unknown), and ``baseline``, what naming the largest class
    for everybody would reach.
    """

    surrogate_: Mapping[str, Any]

    def rules(self) -> pl.DataFrame:
        """Return ``label``, ``name_zh``, ``name_en``, ``rule_zh``, ``rule_en``."""
        ...


@runtime_checkable
class Prepared(Protocol):
    """Prepares its inputs, and says how."""

    def preparation(self) -> pl.DataFrame:
        """Return one row per input: ``name_zh``, ``name_en``, ``step_zh``, ``step_en``."""
        ...


@runtime_checkable
class Watched(Protocol):
    """Has classes that are a problem or a chance: ``watch`` names them."""

    watch: tuple[str, ...]
