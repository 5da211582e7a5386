"""Whom to win back first within a budget, what earlier campaigns brought, and how to find out next time."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmlab.errors import ParamsError
from crmlab.view.findings import KeyFigures, Note, Sections
from crmlab.view.texts import say, texts

if TYPE_CHECKING:
    import polars as pl

    from crmlab.lab import Lab
    from crmlab.labels import Text
    from crmlab.targeting.evaluation import Evaluation
    from crmlab.targeting.ranking import Ranking
    from crmlab.targeting.targets import TargetList
    from crmlab.view.tables import Table

    # WinBack has a method of the name list.
    Texts = list[Text]
    Rankings = list[Ranking]


class WinBack:
    """The win-back list of a study, the plan of its experiment, and what past campaigns changed.

    Settings are the parameters of the model ``win-back``, set under ``models`` of the study. What the data
    does not allow is said in a note instead.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def __repr__(self) -> str:
        return f"<WinBack of {self.lab.study.study} as of {self.lab.study.as_of}>"

    @cached_property
    def targets(self) -> TargetList | None:
        """Whom to contact and whom to hold out; None without orders."""
        from crmlab.targeting.targets import target_list

        return target_list(self.lab) if "orders" in self.lab.tables else None

    @cached_property
    def results(self) -> Evaluation | None:
        """What past campaigns changed; None without contacts or orders."""
        from crmlab.summary import day_number
        from crmlab.targeting.evaluation import evaluate
        from crmlab.targeting.experiment import experiment

        if not {"contacts", "orders"} <= set(self.lab.tables):
            return None
        day = self.lab.study.as_of
        known = self.lab.tables_of(day)
        contacts, orders = (known[name].collect() for name in ("contacts", "orders"))
        found = experiment(contacts, orders, day_number(day), self._params["window_days"])
        return evaluate(found, self._params["planned_treated"], self.lab.study.privacy.smallest_group)

    @cached_property
    def rankings(self) -> Rankings:
        """How well models of uplift rank customers whom they were not learned from, the best first."""
        from crmlab.targeting.ranking import rankings

        if self.results is None:
            return []
        return rankings(self.lab, self.results.experiment, self._params["seed"])

    def list(self, rows: int = 15) -> Table | Note:
        """Show the first of the list, under codes instead of ids unless the study says otherwise."""
        from crmlab.targeting import target_views

        if self.targets is None:
            return self._no_orders()
        return target_views.table(self.lab, self.targets, rows)

    def figures(self) -> KeyFigures | Note:
        """Show how many to contact and to hold out, the cost, and the expected gain."""
        from crmlab.targeting import target_views

        return target_views.figures(self.lab, self.targets) if self.targets else self._no_orders()

    def note(self) -> Sections | Note:
        """Say how the expected gain is made, who is not listed, and why some are held out."""
        from crmlab.targeting import target_views

        return target_views.note(self.lab, self.targets) if self.targets else self._no_orders()

    def plan(self) -> Table | Note:
        """Show how many customers an experiment needs, and what this list can show."""
        from crmlab.targeting import plan_views

        return plan_views.table(self.lab, self.targets) if self.targets else self._no_orders()

    def evaluation(self) -> Sections | Note:
        """Show what past campaigns changed, with a control group or as association only."""
        from crmlab.targeting import effect_views

        if self.results is None:
            return Note(texts()["winback_no_contacts"], self.lab.language)
        if not self.results.effects:
            days = self.results.experiment.window_days
            return Note(say("winback_no_window", days=days), self.lab.language)
        return Sections(
            [
                effect_views.chart(self.lab, self.results),
                effect_views.table(self.lab, self.results),
                *effect_views.warnings(self.lab, self.results),
            ]
        )

    def curves(self) -> Sections | Note:
        """Show how well uplift can be told customer by customer, on customers held out."""
        from crmlab.targeting import ranking_views

        said = Note(ranking_views.verdict(self.rankings), self.lab.language)
        if not self.rankings:
            return said
        return Sections(
            [
                ranking_views.chart(self.lab, self.rankings),
                ranking_views.bins_chart(self.lab, self.rankings[0]),
                ranking_views.table(self.lab, self.rankings),
                said,
            ]
        )

    def findings(self) -> Texts:
        """Return the sentences that a manager would repeat: whom to contact, what contacts have brought."""
        from crmlab.targeting import effect_views, target_views

        found = []
        if self.targets is not None and self.targets.contacted.height:
            found.append(target_views.finding(self.lab, self.targets))
        said = effect_views.finding(self.lab, self.results) if self.results is not None else None
        return [*found, said] if said is not None else found

    def save_list(self, path: str | Path) -> Note:
        """Write those to contact, best first and with their ids, as a CSV file that a call centre can open.

        Who is held out is not in it, so that nobody calls them; ``tables`` of the run holds both arms.
        A file that is there is replaced.
        """
        from crmlab.data.exports import write_csv_safely
        from crmlab.targeting import target_views

        if self.targets is None:
            return self._no_orders()
        file = Path(path)
        if file.suffix.lower() != ".csv" or not file.parent.is_dir():
            raise ParamsError(
                f"The list cannot be written to {file}: the name must end in .csv, in a folder that exists, "
                "for example win_back.csv."
            )
        rows = target_views.contact_list(self.lab, self.targets)
        write_csv_safely(rows, file)
        return Note(say("winback_list_saved", n=rows.height, name=file.name), self.lab.language)

    def saved_tables(self) -> dict[str, pl.DataFrame]:
        """Return what a run keeps of what was looked at: the list with ids, campaigns, Qini curves."""
        import polars as pl

        from crmlab.targeting import effect_views

        saved = {}
        done = vars(self)
        if done.get("targets") is not None:
            saved["win_back_list"] = done["targets"].customers
        if done.get("results") is not None:
            names = [*effect_views.shown(self.lab, done["results"])]
            saved["win_back_campaigns"] = done["results"].summary.filter(pl.col("campaign_id").is_in(names))
        if done.get("rankings"):
            saved["win_back_curves"] = pl.concat(
                each.curve.points.select(pl.lit(each.name).alias("model"), pl.all())
                for each in done["rankings"]
            )
        return saved

    @cached_property
    def _params(self) -> dict[str, Any]:
        from crmlab import registry

        chosen = self.lab.study.models.get("win-back", {})
        return registry.models["win-back"].from_params(chosen).get_params()

    def _no_orders(self) -> Note:
        return Note(texts()["winback_no_orders"], self.lab.language)
