"""The comparison as a page in the style of the reports: one file, no network, nothing but its own script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from crmlab.compare.classes import LEAVER, NEWCOMER
from crmlab.compare.words import DRIFTS, METHOD, VERDICTS, WORDS, between, change, word, written
from crmlab.figures import CLASS
from crmlab.labels import UNCLASSIFIED, Language, Text
from crmlab.report.html import LANG, policy, template, template_text
from crmlab.view.findings import Findings, Note
from crmlab.view.html import escape, stylesheet
from crmlab.view.numbers import count, percent, signed
from crmlab.view.tables import Column, Table

_MOVES = 10
_NAMED = 4
_LONGEST = 120
_MARKS = (("zh", "："), ("en", ": "))
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
        return template("page.html.j2").render(
            language=LANG[self.language],
            title=self._title(),
            words={
                name: text.to(self.language) if isinstance(text, Text) else text
                for name, text in _WORDS_OF_PAGE.items()
            },
            policy=policy([script]),
            styles=stylesheet() + template_text("page.css"),
            scripts=[script],
            cells=[{"kind": "code", "body": body, "source": "", "number": 1}],
            headings=self.headings,
            headed=False,
            failures=[],
        )

    def _parts(self) -> Iterator[str]:
        document, language = self.document, self.language
        yield self._paragraph(
            word("lead", language).format(
                before=document["before"]["run"],
                before_day=document["before"]["as_of"],
                after=document["after"]["run"],
                after_day=document["after"]["as_of"],
            )
        )
        for remark in document["remarks"]:
            yield Note(Text(**remark), language, "warning").to_html()
        yield Findings(list(self._sentences()), language).to_html()
        yield self._heading("figures")
        yield from self._figures()
        yield self._heading("classes")
        yield from self._classes()
        if document["drift"]:
            yield self._heading("drift")
            yield self._drift()
        yield self._heading("changes")
        yield from self._changes()
        yield self._heading("method")
        yield "".join(self._paragraph(text.to(language)) for text in METHOD)

    def _title(self) -> str:
        title = self.document["after"]["title"]
        return word("title", self.language).format(
            title[self.language] if isinstance(title, dict) else self.document["after"]["study"]
        )

    def _heading(self, name: str) -> str:
        text = escape(word(name, self.language))
        self.headings.append({"level": 2, "id": name, "text": text})
        return f'<h2 id="{name}">{text}</h2>'

    @staticmethod
    def _paragraph(text: str) -> str:
        return f'<div class="prose"><p>{escape(text)}</p></div>'

    def _sentences(self) -> Iterator[str]:
        """Say in a few sentences what changed, most important first."""
        figures = self.document["figures"]
        beyond = sorted(
            (figure for figure in figures if figure["verdict"] == "beyond"),
            key=lambda figure: (not figure["key"], figure["q"]),
        )
        names = _listed([figure[self.language] for figure in beyond], self.language)
        n = Text(count(self.document["tested"]), count(self.document["tested"]))
        if self.document["same_data"]:
            differing = [figure[self.language] for figure in figures if figure["verdict"] == "rule"]
            said = Text(
                "两次运行的数据完全相同，所有指标也相同。",
                "Both runs saw the same data, and all figures are the same.",
            )
            if differing:
                told = _listed(differing, self.language)
                said = Text(
                    f"两次运行的数据完全相同，{len(differing)} 个指标因设置或代码而不同：{told}。",
                    f"Both runs saw the same data; {len(differing)} figures differ by settings or code: "
                    f"{told}.",
                )
        elif beyond:
            said = Text(
                f"检验了 {n.zh} 个指标，{len(beyond)} 个的变化超出随机波动：{names}。",
                f"Of {n.en} figures tested, {len(beyond)} changed beyond chance: {names}.",
            )
        else:
            said = Text(
                f"检验了 {n.zh} 个指标，变化都在随机波动范围内。",
                f"Of {n.en} figures tested, none changed beyond chance.",
            )
        if figures:
            yield said.to(self.language)
        yield self._what_went_in().to(self.language)
        for move in [move for move in self.document["classes"] if move["moved"]][:1]:
            yield Text(*(f"{move[name]}{mark}{self._overlap(move)}" for name, mark in _MARKS)).to(
                self.language
            )
        clear = [row[self.language] for row in self.document["drift"] if row["verdict"] == "act"]
        if clear:
            told = _listed(clear, self.language)
            yield Text(
                f"分布明显变化的输入：{told}。",
                f"Inputs that are clearly spread otherwise: {told}.",
            ).to(self.language)

    def _what_went_in(self) -> Text:
        changed = self.document["changes"]
        kinds = [name for name in ("inputs", "params", "plugins", "code", "packages") if changed[name]]
        if not kinds:
            return Text("数据、设置、代码与软件包都相同。", "Data, settings, code and packages are the same.")
        zh = "、".join(f"{WORDS[name].zh} {len(changed[name])} 项" for name in kinds)
        en = ", ".join(f"{WORDS[name].en.lower()} ({len(changed[name])})" for name in kinds)
        return Text(f"有变化的：{zh}；其余相同。", f"What differs: {en}; the rest is the same.")

    def _figures(self) -> Iterator[str]:
        rows = [figure for figure in self.document["figures"] if not figure["id"].startswith(f"{CLASS}:")]
        if not rows:
            yield Note(WORDS["no_figures"], self.language).to_html()
        for report in dict.fromkeys(row["report"] for row in rows):
            yield self._figure_table(
                [row for row in rows if row["report"] == report], Text(*[self._report(report)] * 2)
            )

    def _figure_table(
        self, rows: Sequence[dict[str, Any]], caption: Text, stayed: dict[str, float] | None = None
    ) -> str:
        language, currency = self.language, self.document["currency"]
        table: dict[str, list[Any]] = {
            "figure": [row[language] for row in rows],
            "before": [self._value(row["before"], row["unit"]) for row in rows],
            "after": [self._value(row["after"], row["unit"]) for row in rows],
            "change": [change(row["difference"], row["unit"], currency, language) for row in rows],
            "interval": [between(row["low"], row["high"], row["unit"], currency, language) for row in rows],
            "q": [row["q"] for row in rows],
            "verdict": [VERDICTS[row["verdict"]].to(language) for row in rows],
        }
        types: dict[str, Any] = dict.fromkeys(table, pl.String) | {"q": pl.Float64}
        if stayed is not None:
            table["stayed"] = [stayed.get(row["id"]) for row in rows]
            types["stayed"] = pl.Float64
        columns = [
            Column("figure", WORDS["class" if stayed is not None else "figure"]),
            Column("before", WORDS["before"]),
            Column("after", WORDS["after"]),
            Column("change", WORDS["change"]),
            Column("interval", WORDS["interval"]),
            Column("q", WORDS["q"], "decimal", decimals=3),
            Column("verdict", WORDS["verdict"]),
        ]
        if stayed is not None:
            columns.append(Column("stayed", WORDS["stayed"], "percent"))
        return Table(pl.DataFrame(table, schema=types), columns, caption, language=language).to_html()

    def _value(self, estimate: dict[str, Any] | None, unit: str) -> str:
        value = estimate["value"] if estimate else None
        return written(value, unit, self.document["currency"], self.language)

    def _classes(self) -> Iterator[str]:
        for entry in self.document["unread"]:
            said = word("unread", self.language).format(entry["report"], entry["error"])
            yield Note(said, self.language, "warning").to_html()
        if not self.document["classes"]:
            yield Note(WORDS["no_classes"], self.language).to_html()
        still = [move for move in self.document["classes"] if self._is_same(move)]
        if still:
            same = ("、" if self.language == "zh" else ", ").join(move[self.language] for move in still)
            yield self._paragraph(word("same_classes", self.language).format(same))
        for move in (move for move in self.document["classes"] if move not in still):
            title = escape(f"{move[self.language]} · {self._report(move['report'])}")
            anchor = f"classes-{len(self.headings)}"
            self.headings.append({"level": 3, "id": anchor, "text": title})
            yield f'<h3 id="{anchor}">{title}</h3>'
            if move["problem"]:
                yield Note(WORDS[move["problem"]], self.language, "warning").to_html()
            else:
                yield self._paragraph(self._overlap(move))
            yield from self._tables_of(move)

    def _is_same(self, move: dict[str, Any]) -> bool:
        """Say whether nobody moved, came or went."""
        return bool(move["customers"] == [move["both"]] * 2 and move["moved"] == 0)

    def _report(self, name: str) -> str:
        """Return the title of a report."""
        title = self.document["reports"].get(name, name)
        return str(title[self.language] if isinstance(title, dict) else title)

    def _tables_of(self, move: dict[str, Any]) -> Iterator[str]:
        names = {label["id"]: label[self.language] for label in move["labels"]}
        prefix = f"{CLASS}:{move['plugin']}:"
        rows = [
            {**figure, self.language: names.get(figure["id"].removeprefix(prefix), figure[self.language])}
            for figure in self.document["figures"]
            if figure["report"] == move["report"] and figure["id"].startswith(prefix)
        ]
        name = Text(move["zh"], move["en"])
        if rows:
            stays = {
                prefix + cell["before"]: cell["share"]
                for cell in move["matrix"]
                if cell["before"] == cell["after"] and cell["share"] is not None
            }
            yield self._figure_table(rows, _filled("share_caption", name), stays)
        shown = [cell for cell in move["matrix"] if cell["before"] != cell["after"] and cell["customers"]]
        shown.sort(key=lambda cell: (-cell["customers"], cell["before"], cell["after"]))
        if shown:
            yield self._moves(shown[:_MOVES], names, name)

    def _moves(self, cells: list[dict[str, Any]], names: dict[str, str], scheme: Text) -> str:
        language = self.language
        names = names | {
            NEWCOMER: word("newcomer", language),
            LEAVER: word("leaver", language),
            UNCLASSIFIED.id: word("unclassified", language),
        }
        frame = pl.DataFrame(
            {
                "from": [names[cell["before"]] for cell in cells],
                "to": [names[cell["after"]] for cell in cells],
                "customers": [cell["customers"] for cell in cells],
                "share": [None if cell["before"] == NEWCOMER else cell["share"] for cell in cells],
            },
            schema={"from": pl.String, "to": pl.String, "customers": pl.Int64, "share": pl.Float64},
        )
        columns = [
            Column("from", WORDS["from"]),
            Column("to", WORDS["to"]),
            Column("customers", WORDS["customers"], "integer"),
            Column("share", WORDS["share"], "percent", bar=True),
        ]
        note = Text(*(text.format(_MOVES, self.document["smallest_group"]) for text in WORDS["moves_note"]))
        return Table(frame, columns, _filled("moves_caption", scheme), note, language).to_html()

    def _overlap(self, move: dict[str, Any]) -> str:
        language, (a, b) = self.language, move["customers"]
        both = word("few_both", language) if move["both"] is None else count(move["both"])
        said = word("overlap", language).format(a=count(a), b=count(b), both=both)
        if move["moved"] is not None and move["both"]:
            share = percent(move["moved"] / move["both"])
            said += word("moved", language).format(moved=count(move["moved"]), share=share)
        rule = {None: "rule_unknown", True: "rule_changed", False: "rule_same"}[move["rule_changed"]]
        return said + word(rule, language)

    def _drift(self) -> str:
        rows, language = self.document["drift"], self.language
        frame = pl.DataFrame(
            {
                "input": [row[language] for row in rows],
                "report": [self._report(row["report"]) for row in rows],
                "psi": [row["psi"] for row in rows],
                "limit": [row["chance"] for row in rows],
                "verdict": [DRIFTS[row["verdict"]].to(language) for row in rows],
            }
        )
        columns = [
            Column("input", WORDS["input"]),
            Column("report", WORDS["report"]),
            Column("psi", WORDS["psi"], "decimal", decimals=3),
            Column("limit", WORDS["limit"], "decimal", decimals=3),
            Column("verdict", WORDS["verdict"]),
        ]
        return Table(frame, columns, WORDS["drift_caption"], WORDS["drift_note"], language).to_html()

    def _changes(self) -> Iterator[str]:
        changed = self.document["changes"]
        if not any(changed.values()):
            yield Note(WORDS["nothing"], self.language).to_html()
        if changed["inputs"]:
            yield self._inputs(changed["inputs"])
        for kind in ("params", "plugins", "code", "packages"):
            if changed[kind]:
                frame = pl.DataFrame(
                    [(row["name"], _shown(row["before"]), _shown(row["after"])) for row in changed[kind]],
                    schema=dict.fromkeys(("name", "before", "after"), pl.String),
                    orient="row",
                )
                columns = [Column(name, WORDS[name]) for name in ("name", "before", "after")]
                yield Table(frame, columns, WORDS[kind], language=self.language).to_html()

    def _inputs(self, rows: Iterable[dict[str, Any]]) -> str:
        told = []
        for row in rows:
            before, after = row["before"] or {}, row["after"] or {}
            one, two = before.get("rows"), after.get("rows")
            more = None if one is None or two is None else signed(two - one)
            same = before.get("sha256") == after.get("sha256")
            told.append(
                (row["name"], one, two, more, word("same_rows" if same else "other_rows", self.language))
            )
        schema = {
            "name": pl.String,
            "rows_before": pl.Int64,
            "rows_after": pl.Int64,
            "rows_change": pl.String,
            "content": pl.String,
        }
        columns = [
            Column(name, WORDS[name], "integer" if kind == pl.Int64 else "text")
            for name, kind in schema.items()
        ]
        frame = pl.DataFrame(told, schema=schema, orient="row")
        return Table(frame, columns, WORDS["inputs"], language=self.language).to_html()


def _filled(name: str, value: Text) -> Text:
    return Text(*(text.format(part) for text, part in zip(WORDS[name], value, strict=True)))


def _listed(names: Sequence[str], language: Language) -> str:
    """Write the first few names, and how many more there are."""
    shown, more = list(names[:_NAMED]), len(names) - _NAMED
    said = ("、" if language == "zh" else ", ").join(shown)
    return said if more <= 0 else said + Text(f"等 {len(names)} 项", f" and {more} more").to(language)


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
