"""What a comparison says first: a few sentences, the most important first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crmlab.compare.words import WORDS, listed, written
from crmlab.labels import Language, Text
from crmlab.view.numbers import count, percent

_MOST = 3
_LANGUAGES: tuple[Language, Language] = ("zh", "en")


def headlines(document: dict[str, Any]) -> Iterator[Text]:
    """Yield what moved by more than chance, what was counted, what went in, who moved, what drifted."""
    figures = document["figures"]
    if document["same_data"]:
        yield _same_data([figure for figure in figures if figure["verdict"] == "rule"])
    elif document["tested"]:
        beyond = sorted(
            (figure for figure in figures if figure["verdict"] == "beyond"),
            key=lambda figure: (not figure["key"], figure["q"]),
        )
        yield _tested(document["tested"], beyond)
    if counted := [figure for figure in figures if figure["key"] and _differs_as_written(figure)]:
        told = _told(counted)
        yield Text(f"不作检验的关键指标：{told.zh}。", f"Key figures that are not tested: {told.en}.")
    yield _what_went_in(document["changes"])
    for move in [move for move in document["classes"] if move["moved"]][:1]:
        said = overlap(move)
        yield Text(f"{move['zh']}：{said.zh}", f"{move['en']}: {said.en}")
    if clear := [row for row in document["drift"] if row["verdict"] == "act"]:
        names = [listed([row[language] for row in clear], language) for language in _LANGUAGES]
        yield Text(
            f"分布明显变化的输入：{names[0]}。", f"Inputs that are clearly spread otherwise: {names[1]}."
        )


def overlap(move: dict[str, Any]) -> Text:
    """Say how many customers are in both runs, how many moved, and whether the rule did."""
    a, b = (count(n) for n in move["customers"])
    both = WORDS["few_both"] if move["both"] is None else Text(*[count(move["both"])] * 2)
    said = Text(*(t.format(a=a, b=b, both=n) for t, n in zip(WORDS["overlap"], both, strict=True)))
    if move["moved"] is not None and move["followed"]:
        share = percent(move["moved"] / move["followed"])
        told = {"moved": count(move["moved"]), "followed": count(move["followed"]), "share": share}
        said = Text(*(text + more.format(**told) for text, more in zip(said, WORDS["moved"], strict=True)))
    rule = WORDS[{None: "rule_unknown", True: "rule_changed", False: "rule_same"}[move["rule_changed"]]]
    return Text(said.zh + rule.zh, said.en + rule.en)


def _same_data(differing: list[dict[str, Any]]) -> Text:
    if not differing:
        return Text(
            "两次运行的数据完全相同，所有指标也相同。",
            "Both runs saw the same data, and all figures are the same.",
        )
    n, told = len(differing), _told(differing)
    return Text(
        f"两次运行的数据完全相同，{n} 个指标因设置或代码而不同：{told.zh}。",
        f"Both runs saw the same data; {n} figure{'s differ' if n > 1 else ' differs'} by settings or code: "
        f"{told.en}.",
    )


def _tested(tested: int, beyond: list[dict[str, Any]]) -> Text:
    n, told = len(beyond), _told(beyond)
    figures = f"{count(tested)} figure{'s' if tested > 1 else ''} tested"
    if not beyond:
        return Text(
            f"检验了 {count(tested)} 个指标，变化都在随机波动范围内。",
            f"Of {figures}, none changed beyond chance.",
        )
    return Text(
        f"检验了 {count(tested)} 个指标，{n} 个的变化超出随机波动：{told.zh}。",
        f"Of {figures}, {n} changed beyond chance: {told.en}.",
    )


def _told(figures: list[dict[str, Any]]) -> Text:
    """Write the first few figures with what they were and are, and how many more there are."""
    return Text(
        *(
            listed([_course(figure, language) for figure in figures], language, _MOST)
            for language in _LANGUAGES
        )
    )


def _differs_as_written(figure: dict[str, Any]) -> bool:
    """Say whether a figure that is not tested differs even as rounded for readers."""
    told = {_written(figure, run, "zh") for run in ("before", "after") if figure[run]}
    return figure["verdict"] in ("counted", "model") and len(told) > 1


def _course(figure: dict[str, Any], language: Language) -> str:
    one, two = (_written(figure, run, language) for run in ("before", "after"))
    return f"{figure[language]} {one} → {two}"


def _written(figure: dict[str, Any], run: str, language: Language) -> str:
    return written(figure[run]["value"], figure["unit"], figure[run]["currency"] or "", language)


def _what_went_in(changed: dict[str, Any]) -> Text:
    kinds = [name for name in ("inputs", "params", "plugins", "code", "packages") if changed[name]]
    if not kinds:
        return Text("数据、设置、代码与软件包都相同。", "Data, settings, code and packages are the same.")
    zh = "、".join(f"{WORDS[name].zh} {len(changed[name])} 项" for name in kinds)
    en = ", ".join(f"{WORDS[name].en.lower()} ({len(changed[name])})" for name in kinds)
    return Text(f"有变化的：{zh}；其余相同。", f"What differs: {en}; the rest is the same.")
