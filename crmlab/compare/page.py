"""The comparison as a page in the style of the reports: one file, no network, nothing but its own script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crmlab.compare.change_table import CSS, ChangeTable
from crmlab.compare.comparison import nothing_changed
from crmlab.compare.headlines import headlines, overlap
from crmlab.compare.page_tables import changed_table, drift_table, inputs_table, moves_table
from crmlab.compare.words import METHOD, WORDS, filled, word
from crmlab.figures import CLASS
from crmlab.labels import Language, Text
from crmlab.report.html import LANG, policy, template, template_text
from crmlab.view.findings import Findings, Note
from crmlab.view.html import escape, stylesheet

_WORDS_OF_PAGE = {"contents": Text("目录", "Contents"), "failed": "", "in_cell": "", "partial": ""}


def page(document: dict[str, Any], language: Language) -> str:
    """Return the page of a comparison, as :func:`crmlab.compare.compare` makes it."""
    return _Page(document, language).html()


class _Page:
    """Puts the sections together; every text is escaped by the view that shows it."""

    def __init__(self, document: dict[str, Any], language: Language) -> None:
        self.document = document
        self.language = language
        self.headings: list[dict[str, Any]] = []

    def html(self) -> str:
        """Return the whole page."""
        script = template_text("page.js")
        body = "".join(self._parts())
        lead = {"kind": "prose", "body": f"<h1>{escape(self._title())}</h1>{self._lead()}", "number": 1}
        return template("page.html.j2").render(
            language=LANG[self.language],
            title=self._title(),
            words={
                name: text.to(self.language) if isinstance(text, Text) else text
                for name, text in _WORDS_OF_PAGE.items()
            },
            policy=policy([script]),
            styles=stylesheet() + template_text("page.css") + CSS,
            scripts=[script],
            cells=[lead, {"kind": "code", "body": body, "source": "", "number": 2}],
            headings=self.headings,
            headed=True,
            failures=[],
        )

    def _lead(self) -> str:
        before, after = self.document["before"], self.document["after"]
        said = word("lead", self.language).format(
            before=before["run"], before_day=before["as_of"], after=after["run"], after_day=after["as_of"]
        )
        return f"<p>{escape(said)}</p>"

    def _parts(self) -> Iterator[str]:
        document, language = self.document, self.language
        if remarks := [Text(**remark) for remark in document["remarks"]]:
            together = Text("".join(said.zh for said in remarks), " ".join(said.en for said in remarks))
            yield Note(together, language, "warning").to_html()
        said = [WORDS["unchanged"]] if nothing_changed(document) else list(headlines(document))
        yield Findings(said, language).to_html()
        yield self._heading("figures")
        yield from self._figures()
        yield self._heading("classes")
        yield from self._classes()
        if document["drift"]:
            yield self._heading("drift")
            yield from self._drift()
        yield self._heading("changes")
        yield from self._changes()
        yield self._heading("method")
        yield "".join(self._paragraph(text) for text in METHOD)

    def _title(self) -> str:
        titles = [self._name(self.document[run]["title"], run) for run in ("before", "after")]
        return word("title", self.language).format(" → ".join(dict.fromkeys(titles)))

    def _name(self, title: Any, run: str) -> str:
        if isinstance(title, dict):
            return str(title[self.language])
        return str(title or self.document[run]["study"])

    def _heading(self, name: str) -> str:
        text = escape(word(name, self.language))
        self.headings.append({"level": 2, "id": name, "text": text})
        return f'<h2 id="{name}">{text}</h2>'

    def _paragraph(self, text: Text) -> str:
        return f'<div class="prose"><p>{escape(text.to(self.language))}</p></div>'

    def _report(self, name: str) -> Text:
        """Return the title of a report."""
        title = self.document["reports"].get(name) or name
        return Text(title["zh"], title["en"]) if isinstance(title, dict) else Text(title, title)

    def _figures(self) -> Iterator[str]:
        rows = [figure for figure in self.document["figures"] if not figure["id"].startswith(f"{CLASS}:")]
        if not rows:
            yield Note(WORDS["no_figures"], self.language).to_html()
        for report in dict.fromkeys(row["report"] for row in rows):
            own = [row for row in rows if row["report"] == report]
            yield ChangeTable(own, WORDS["figure"], self._report(report), self.language).to_html()

    def _classes(self) -> Iterator[str]:
        for entry in self.document["unread"]:
            name = self._report(entry["report"])
            said = (
                text.format(part, entry["error"]) for text, part in zip(WORDS["unread"], name, strict=True)
            )
            yield Note(Text(*said), self.language, "warning").to_html()
        moves = self.document["classes"]
        if not moves:
            yield Note(WORDS["no_classes"], self.language).to_html()
        if still := [move for move in moves if move["same"]]:
            names = Text("、".join(move["zh"] for move in still), ", ".join(move["en"] for move in still))
            yield self._paragraph(filled("same_classes", names))
        for move in moves:
            if not move["same"]:
                yield from self._migration(move)

    def _migration(self, move: dict[str, Any]) -> Iterator[str]:
        title = escape(f"{move[self.language]} · {self._report(move['report']).to(self.language)}")
        anchor = f"classes-{len(self.headings)}"
        self.headings.append({"level": 3, "id": anchor, "text": title})
        yield f'<h3 id="{anchor}">{title}</h3>'
        if move["problem"]:
            yield Note(WORDS[move["problem"]], self.language, "warning").to_html()
        else:
            yield self._paragraph(overlap(move))
        if rows := _shares(self.document, move, self.language):
            stayed = {
                f"{CLASS}:{move['plugin']}:{cell['before']}": (cell["customers"], cell["of"])
                for cell in move["matrix"]
                if cell["before"] == cell["after"] and None not in (cell["customers"], cell["of"])
            }
            caption = filled("share_caption", Text(move["zh"], move["en"]))
            yield ChangeTable(rows, WORDS["class"], caption, self.language, stayed).to_html()
        if shown := [
            cell for cell in move["matrix"] if cell["before"] != cell["after"] and cell["customers"]
        ]:
            yield moves_table(move, shown, self.document["smallest_group"], self.language).to_html()

    def _drift(self) -> Iterator[str]:
        rows = self.document["drift"]
        if any(row["psi"] for row in rows):
            yield drift_table(rows, self.language, self._report).to_html()
        else:
            yield self._paragraph(WORDS["same_drift"])

    def _changes(self) -> Iterator[str]:
        changed = self.document["changes"]
        if not any(changed.values()):
            yield Note(WORDS["nothing"], self.language).to_html()
        if changed["inputs"]:
            yield inputs_table(changed["inputs"], self.language).to_html()
        for kind in ("params", "plugins", "code", "packages"):
            if changed[kind]:
                yield changed_table(changed[kind], WORDS[kind], self.language).to_html()


def _shares(document: dict[str, Any], move: dict[str, Any], language: Language) -> list[dict[str, Any]]:
    """Return the shares of the classes of a migration, named without their scheme, in its order."""
    names = {label["id"]: label[language] for label in move["labels"]}
    order = list(names)
    prefix = f"{CLASS}:{move['plugin']}:"
    rows = [
        (label, {**figure, language: names.get(label, figure[language])})
        for figure in document["figures"]
        if figure["report"] == move["report"] and figure["id"].startswith(prefix)
        for label in [figure["id"].removeprefix(prefix)]
    ]
    rows.sort(key=lambda row: order.index(row[0]) if row[0] in order else len(order))
    return [row for _, row in rows]
