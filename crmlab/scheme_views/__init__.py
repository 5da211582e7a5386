"""What a classification shows in its own section of the report, beyond the sizes of its classes.

Which parts it gets depends on what its classifier offers (:mod:`crmlab.scheme_views.offers`), never on its
name: other people's plugins get the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crmlab.scheme_views import offers
from crmlab.scheme_views.confidence import ConfidenceView
from crmlab.scheme_views.distribution import Distribution
from crmlab.scheme_views.interests import Interests
from crmlab.scheme_views.learning import Learning
from crmlab.scheme_views.matrix import TwoAxes, ValueMatrix
from crmlab.scheme_views.outcomes import ClassOutcomes
from crmlab.scheme_views.pipeline import Pipeline

if TYPE_CHECKING:
    from crmlab.results import Segmentation

_WATCHED = 10
"""Customers on the list of a class that is a problem or a chance."""


def parts_of(segmentation: Segmentation) -> list[object]:
    """Return the charts, tables and notes that a segmentation shows beside its sizes, in reading order.

    First what the classifier offers of its own; where that is nothing, how the classes stand against
    value (a scheme of loyalty) or what their customers spend and how many lapsed (all others); at the
    end whom to look at first.
    """
    classifier, parts = segmentation.classifier, list[object]()
    for offer, make in _OWN.items():
        if isinstance(classifier, offer):
            parts += make(segmentation)
    if not parts or isinstance(classifier, offers.CutsNumber):
        parts += _in_general(segmentation)
    if isinstance(classifier, offers.Watched):
        parts.append(_watch(segmentation, classifier.watch))
    return parts


def _in_general(segmentation: Segmentation) -> list[object]:
    axes = segmentation.scheme.axes
    if "loyalty" in axes and "revenue" not in axes:
        return ValueMatrix(segmentation).parts()
    if isinstance(segmentation.classifier, offers.CutsNumber):  # by value: outcomes would say it again
        return []
    return ClassOutcomes(segmentation).parts()


def _watch(segmentation: Segmentation, labels: tuple[str, ...]) -> object:
    from crmlab.profiles import WatchList

    return WatchList(segmentation, list(labels), _WATCHED).table()


_OWN: dict[type, Callable[[Segmentation], list[object]]] = {
    offers.Scored: lambda found: [found.grid().chart(), found.grid().table()],
    offers.Staged: lambda found: [found.funnel().chart(), found.funnel().table()],
    offers.Pipelined: lambda found: [Pipeline(found).chart()],
    offers.CutsNumber: lambda found: Distribution(found).parts(),
    offers.TwoAxed: lambda found: [TwoAxes(found).chart()],
    offers.ShowsConfidence: lambda found: [ConfidenceView(found).chart()],
    offers.Interested: lambda found: [Interests(found).table()],
    offers.Chosen: lambda found: Learning(found).parts(),
}
