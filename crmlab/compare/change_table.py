"""The table of changes: what a figure was and is, by how much it changed, and whether chance explains it.

Every number stands with its interval and sample below it. Where all rows are of one unit, the intervals
of the changes are drawn on one scale with a line at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crmlab.compare.words import VERDICTS, WORDS, between, chance, change, filled, span, word, written
from crmlab.labels import Language, Text
from crmlab.view.html import escape
from crmlab.view.numbers import count, percent
from crmlab.view.tables import MISSING

_WIDTH, _HEIGHT, _EDGE = 104, 20, 4
_WHISKER = 4
CSS = """
figure.crm-table small{display:block;font-size:.75rem;font-weight:400;line-height:1.45;color:#5c686c}
figure.crm-table .verdict{white-space:nowrap}
figure.crm-table .verdict small{white-space:normal}
figure.crm-table .verdict b{display:inline-block;padding:.05rem .55rem;border-radius:1rem;background:#eef0ee;\
font-size:.8125rem;font-weight:500;color:#3b464a}
figure.crm-table .beyond .verdict b{background:#fdeedd;color:#8a3d05;font-weight:600}
figure.crm-table .plot{min-width:7.5rem}
figure.crm-table tbody th.text{min-width:min(8em,38vw)}
figure.crm-table tbody .number small{white-space:nowrap}
.interval{display:block;overflow:visible}
.interval line,.interval path{stroke:#5c686c;stroke-width:1.5;fill:none}
.interval .zero{stroke:#cfccc3;stroke-width:1}
.interval circle{fill:#5c686c}
.beyond .interval line:not(.zero),.beyond .interval path{stroke:#b3570f}
.beyond .interval circle{fill:#b3570f}
details.definitions{margin:-1.25rem 0 2rem;font-size:.8125rem;color:#5c686c}
details.definitions dt{margin-top:.5rem;font-weight:600;color:#1f2a2e}
details.definitions dd{margin:0;line-height:1.65}
@media print{figure.crm-table .verdict b,.interval *{print-color-adjust:exact}}
"""


@dataclass(frozen=True)
class ChangeTable:
    """Figures of two runs as :func:`crmlab.compare.noise.judged` returns them, one a row.

    ``stayed`` gives for classes (of which it makes the table one) how many customers were in it both times,
    of how many who were in it the first time; those are left out of which that is not told.
    """

    rows: Sequence[dict[str, Any]]
    first: Text
    caption: Text
    language: Language
    stayed: dict[str, tuple[int, int]] | None = None

    def to_html(self) -> str:
        """Return the ``<figure>`` with the table and, folded, what its figures are."""
        scale = self._scale()
        body = "".join(self._row(row, scale) for row in self.rows)
        caption = escape(self.caption.to(self.language))
        return (
            f'<figure class="crm-table"><div class="crm-scroll" tabindex="0" role="region" '
            f'aria-label="{caption}"><table><caption>{caption}</caption>\n<thead><tr>{self._head(scale)}</tr>'
            f"</thead>\n<tbody>\n{body}</tbody></table></div></figure>{self._definitions()}"
        )

    def _head(self, scale: float | None) -> str:
        columns: list[tuple[Text, Text | None, str]] = [(self.first, None, "text")]
        columns += [(WORDS[run], self._sample(run), "number") for run in ("before", "after")]
        columns += [(WORDS["change"], WORDS["change_note"], "number")]
        if scale:
            reach = f"{100 * scale:.1f}"
            columns += [(WORDS["plot"], filled("plot_note", Text(reach, reach)), "plot")]
        columns += [(WORDS["verdict"], WORDS["q_note"], "text")]
        if self.stayed is not None:
            columns += [(WORDS["stayed"], WORDS["stayed_note"], "number")]
        return "".join(
            f'<th scope="col" class="{kind}">{escape(title.to(self.language))}'
            + (f"<small>{escape(note.to(self.language))}</small>" if note else "")
            + "</th>"
            for title, note, kind in columns
        )

    def _row(self, row: dict[str, Any], scale: float | None) -> str:
        unit, language = row["unit"], self.language
        money = (row["after"] or row["before"])["currency"] or ""
        told = [
            self._cell(change(row["difference"], unit, money, language), row["difference"],
                       between(row["low"], row["high"], unit, money, language))
        ]  # fmt: skip
        if scale:
            told.append(f'<td class="plot">{_drawn(row, scale)}</td>')
        verdict = escape(VERDICTS[row["verdict"]].to(language))
        # The same customers' figures go up and down together, which nobody can follow here.
        apart = row["p"] is not None and row["difference"] and row["correlation"] is None
        notes = [chance(row["q"]), word("apart", language) if apart else ""]
        small = "".join(f"<small>{escape(note)}</small>" for note in notes if note)
        told.append(f'<td class="verdict"><b>{verdict}</b>{small}</td>')
        if self.stayed is not None:
            told.append(self._stayed(self.stayed.get(row["id"])))
        return (
            f'<tr class="{escape(row["verdict"])}"><th scope="row" class="text">{escape(row[language])}</th>'
            f"{self._estimate(row, 'before')}{self._estimate(row, 'after')}{''.join(told)}</tr>\n"
        )

    def _one_n(self, run: str) -> int | None:
        """Return the sample size where all rows of several have the same."""
        sizes = {row[run]["n"] if row[run] else None for row in self.rows}
        return sizes.pop() if len(sizes) == 1 and len(self.rows) > 1 else None

    def _sample(self, run: str) -> Text:
        n = self._one_n(run)
        return WORDS["estimate_note"] if n is None else filled("one_sample", Text(count(n), count(n)))

    def _estimate(self, row: dict[str, Any], run: str) -> str:
        estimate, unit, language = row[run], row["unit"], self.language
        if estimate is None:
            return self._cell(MISSING, None)
        value, money, n = estimate["value"], estimate["currency"] or "", estimate["n"]
        interval = span(estimate["low"], estimate["high"], unit, money, language)
        sample = "" if n is None or value is None or self._one_n(run) else f"n = {count(n)}"
        return self._cell(written(value, unit, money, language), value, interval, sample)

    def _stayed(self, counts: tuple[int, int] | None) -> str:
        if counts is None or not counts[1]:
            return self._cell(MISSING, None)
        share = counts[0] / counts[1]
        return self._cell(percent(share), share, f"{count(counts[0])} / {count(counts[1])}")

    @staticmethod
    def _cell(text: str, value: float | None, *below: str) -> str:
        small = "".join(f"<small>{escape(line)}</small>" for line in below if line)
        sort = "" if value is None else repr(value)
        return f'<td class="number" data-sort="{sort}">{escape(text)}{small}</td>'

    def _scale(self) -> float | None:
        """Return how far the scale of the drawn changes reaches; None where they are not all of shares."""
        if self.stayed is None or {row["unit"] for row in self.rows} != {"share"}:
            return None
        ends = [abs(row[end]) for row in self.rows for end in ("low", "high") if row[end] is not None]
        return max(ends, default=0.0) or None

    def _definitions(self) -> str:
        told = {row[self.language]: row["definition"][self.language] for row in self.rows}
        if self.stayed is not None and len(set(told.values())) == 1:
            told = {self.caption.to(self.language): next(iter(told.values()))}
        items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in told.items())
        title = escape(word("definitions", self.language))
        return f'<details class="definitions"><summary>{title}</summary><dl>{items}</dl></details>'


def _drawn(row: dict[str, Any], scale: float) -> str:
    """Return a change and its interval as a small drawing; hidden from readers of the text beside it."""
    if row["low"] is None or row["high"] is None:
        return ""
    low, value, high = (
        _WIDTH / 2 + (_WIDTH / 2 - _EDGE) * row[name] / scale for name in ("low", "difference", "high")
    )
    y, top = _HEIGHT / 2, _HEIGHT / 2 - _WHISKER
    ends = "".join(f"M{x:.1f} {top}v{2 * _WHISKER}" for x in (low, high))
    return (
        f'<svg class="interval" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'aria-hidden="true"><line class="zero" x1="{_WIDTH / 2}" x2="{_WIDTH / 2}" y1="0" y2="{_HEIGHT}"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/><path d="{ends}"/>'
        f'<circle cx="{value:.1f}" cy="{y}" r="3"/></svg>'
    )
