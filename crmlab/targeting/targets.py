"""The win-back list: whom to contact first, what that costs and should bring, and who is held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import ParamsError, did_you_mean
from crmlab.segments.separation import Estimate
from crmlab.summary import day_number
from crmlab.targeting.effects import weighted_sum
from crmlab.targeting.selection import held_out, ranked, within_limits

if TYPE_CHECKING:
    from crmlab.estimators import Model
    from crmlab.lab import Lab

SILENT = "days_since_last_order"
CONSENT = "marketing_consent"


@dataclass(frozen=True)
class TargetList:
    """The customers to win back, best first.

    ``customers``: ``customer_id``, ``label`` (``scheme.class``), ``days_since_last_order``, ``value`` (of who
    comes back, in currency units), ``uplift``, ``expected_gain``, ``cost`` (0 for the control group) and
    ``arm`` (``treatment`` or ``control``). ``left_out`` counts candidates by why they are not listed:
    ``refused`` (no consent to marketing), ``unasked`` (the consent is not recorded), ``running`` (in a
    campaign, contacted or held out, whose days of observation are not over), ``unknown`` (no value or
    uplift), ``not_worth`` (the contact costs more than it gains), ``beyond`` (budget or capacity).
    ``consent_known`` says whether the customers table records consent at all.
    """

    customers: pl.DataFrame
    model: Model
    candidates: int
    left_out: Mapping[str, int]
    consent_known: bool

    @property
    def contacted(self) -> pl.DataFrame:
        """Who is to be contacted."""
        return self.customers.filter(arm="treatment")

    @property
    def control(self) -> pl.DataFrame:
        """Who is held out by chance."""
        return self.customers.filter(arm="control")

    @property
    def cost(self) -> float:
        """What all contacts cost, in currency units."""
        return float(self.contacted["cost"].sum())

    @property
    def basis(self) -> str:
        """Where the uplift comes from: ``measured``, ``model`` or ``assumed``."""
        if self.model.get_params()["uplift_column"]:
            return "model"
        return "measured" if self.model.learned["bands_"] else "assumed"

    @property
    def expected_gain(self) -> Estimate:
        """What contacting them should gain after cost, and the interval of the measured uplift.

        The ends say how sure the uplift is, not how values spread; they are NaN where it is an assumption
        or a model's.
        """
        gain = float(self.contacted["expected_gain"].sum())
        if self.basis != "measured":
            return Estimate(gain, nan, nan)
        uplifts, worth = [], []
        margin = self.model.get_params()["margin"]
        for band in self.model.learned["bands_"]:
            end = band["to_days"]
            inside = pl.col(SILENT) >= band["from_days"]
            rows = self.contacted.filter(inside if end is None else inside & (pl.col(SILENT) <= end))
            uplifts.append(Estimate(band["value"], band["low"], band["high"]))
            worth.append(float(rows["value"].sum()) * margin)
        total = weighted_sum(uplifts, worth)
        return Estimate(gain, *(end - self.cost for end in total[1:]))


def target_list(lab: Lab) -> TargetList:
    """Return the list of the study, by the parameters of its model ``win-back``.

    Raises ParamsError for an audience that no classifier has.
    """
    scores = lab.score("win-back")
    model = scores.model
    params = model.get_params()
    candidates = _audience(lab, params["audience"])
    facts = lab.features(SILENT, params["value_column"]).select(
        "customer_id", SILENT, value=pl.col(params["value_column"])
    )
    known = candidates.drop_nulls("label")
    for more in (scores.scores, facts):
        known = known.join(more, on="customer_id", how="left", maintain_order="left")
    inside, consent_known = _consenting(lab, known)
    total = inside.height
    refused = inside.filter(pl.col("consent").eq_missing(other=False))
    unasked = inside.filter(pl.col("consent").is_null())
    willing = inside.filter(pl.col("consent").fill_null(value=False))
    free = willing.join(_in_campaigns(lab, params["window_days"]), on="customer_id", how="anti")
    scored = free.drop_nulls("expected_gain").sort("customer_id")
    order = ranked(scored["expected_gain"], [params["contact_cost"]] * scored.height)
    worth = scored[order]
    # Another day is another draw: nobody is held out of every campaign by their place on the list.
    seed = (params["seed"], day_number(lab.study.as_of))
    control = pl.Series(held_out(worth.height, params["control_share"], seed), dtype=pl.Boolean)
    cost = pl.when(pl.col("arm") == "treatment").then(pl.lit(float(params["contact_cost"]))).otherwise(0.0)
    worth = worth.with_columns(
        arm=pl.when(control).then(pl.lit("control")).otherwise(pl.lit("treatment"))
    ).with_columns(cost=cost)
    size = within_limits(worth["cost"], control, params["budget"], params["capacity"])
    columns = ("customer_id", "label", SILENT, "value", "uplift", "expected_gain", "cost", "arm")
    return TargetList(
        worth.head(size).select(columns),
        model,
        total,
        {
            "refused": refused.height,
            "unasked": unasked.height,
            "running": willing.height - free.height,
            "unknown": free.height - scored.height,
            "not_worth": scored.height - worth.height,
            "beyond": worth.height - size,
        },
        consent_known,
    )


def _audience(lab: Lab, audience: list[str]) -> pl.DataFrame:
    """Return every customer with the first class of the audience that they are in, or null."""
    everybody: pl.DataFrame | None = None
    label: Any = pl.lit(None, pl.String)
    for scheme in dict.fromkeys(name.rsplit(".", 1)[0] for name in audience):
        result = lab.classify(scheme)
        wanted = [name.rsplit(".", 1)[1] for name in audience if name.rsplit(".", 1)[0] == scheme]
        for name in wanted:
            if name not in result.scheme:
                raise ParamsError(
                    f"audience names {scheme}.{name}, and {scheme} has no class {name!r}."
                    f"{did_you_mean(name, result.scheme.ids)} It has: {', '.join(result.scheme.ids)}."
                )
        told = pl.when(pl.col("label").is_in(wanted)).then(pl.format(f"{scheme}.{{}}", "label"))
        labels = result.labels.select("customer_id", told.alias(scheme))
        if everybody is not None:
            labels = everybody.join(labels, on="customer_id", maintain_order="left")
        everybody = labels
        label = pl.coalesce(label, scheme)
    assert everybody is not None, "an audience has at least one class"
    return everybody.select("customer_id", label=label)


def _in_campaigns(lab: Lab, window_days: int) -> pl.DataFrame:
    """Return the customers whom another contact would take out of an experiment that still runs."""
    if "contacts" not in lab.tables:
        return pl.DataFrame(schema={"customer_id": pl.String})
    today = day_number(lab.study.as_of)
    contacts = lab.tables_of(lab.study.as_of)["contacts"]
    running = pl.col("day").is_between(today - window_days + 1, today)
    return contacts.filter(running).select("customer_id").unique().collect()


def _consenting(lab: Lab, customers: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """Put beside each customer whether they consent to marketing; without a record nobody refused."""
    if "customers" not in lab.tables or CONSENT not in lab.tables["customers"].columns:
        return customers.with_columns(consent=pl.lit(value=True)), False
    said = lab.tables["customers"].select("customer_id", consent=CONSENT)
    return customers.join(said, on="customer_id", how="left", maintain_order="left"), True
