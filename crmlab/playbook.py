"""The playbook: what to do for the customers of each class, as data that an analyst edits."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crmlab.documents import Document, parse
from crmlab.errors import ParamsError, did_you_mean
from crmlab.labels import UNCLASSIFIED, Label, Scheme, Text
from crmlab.registry import classifiers
from crmlab.validation import Where, problems_of
from crmlab.yaml_file import text_of

OTHERWISE = "otherwise"
"""Where a scheme has strategies under this name, they are for its classes that are not listed."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)


class Words(_Strict):
    """Words in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    @property
    def text(self) -> Text:
        """The words as one bilingual text."""
        return Text(self.zh, self.en)


class Strategy(Words):
    """One thing to do: in words, who does it, on which channel, and how one sees that it worked.

    Owner, channel and KPI are codes; :class:`Playbook` has their names.
    """

    owner: str
    """Who does it: a code of `owners`. 负责角色。"""
    channel: str
    """Where it reaches the customer: a code of `channels`. 渠道。"""
    kpi: str
    """What should improve: a code of `kpis`. 衡量指标。"""
    control_share: float = Field(default=0.1, ge=0, le=0.5)
    """Share of the class left out at random, so that the effect can be seen. 随机对照组占比。"""


class Playbook(_Strict):
    """Strategies by name, for each scheme the names of those of each class, and the codes they use.

    ``strategies[name].owner`` is a key of ``owners``, and so on for ``channels`` and ``kpis``.
    """

    owners: dict[str, Words]
    channels: dict[str, Words]
    kpis: dict[str, Words]
    strategies: dict[str, Strategy]
    schemes: dict[str, dict[str, tuple[str, ...]]]

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """Read a playbook from a YAML file, or ours; raise ParamsError with file and line of each problem."""
        if path is None:
            return cls._checked(parse(_ours(), "strategies.yaml"))
        text = text_of(path, "playbook:", "such as a copy of params/playbooks/strategies.yaml")
        return cls._checked(parse(text, str(path)))

    @classmethod
    def _checked(cls, document: Document) -> Self:
        try:
            playbook = cls.model_validate(document.value)
        except ValidationError as error:
            raise _invalid(document, problems_of(error, _allowed)) from None
        if problems := [*playbook._code_problems(), *playbook._scheme_problems()]:
            raise _invalid(document, problems)
        return playbook

    def names(self, scheme: str, label: str) -> tuple[str, ...]:
        """Return the names of the strategies for a class of the classifier that is registered as ``scheme``.

        The class's own, or the scheme's ``otherwise``; an alias that the playbook does not name has
        those of its original. Empty where nothing is said, and always for ``unclassified``.
        """
        if scheme not in self.schemes and scheme in classifiers:
            scheme = classifiers[scheme].alias_of or scheme
        if label == UNCLASSIFIED.id:
            return ()
        classes = self.schemes.get(scheme, {})
        return classes.get(label, classes.get(OTHERWISE, ()))

    def of(self, scheme: str, label: str) -> tuple[Strategy, ...]:
        """Return what to do for a class, the most important first; see :meth:`names`."""
        return tuple(self.strategies[name] for name in self.names(scheme, label))

    def without(self, name: str, scheme: Scheme) -> tuple[Label, ...]:
        """Return the classes of a scheme for which the playbook says nothing.

        ``name`` is the registered name, ``scheme`` what the (fitted) classifier declares.
        """
        return tuple(label for label in scheme.labels if not self.names(name, label.id))

    def _code_problems(self) -> list[tuple[Where, str]]:
        """Find the codes of strategies that have no name."""
        groups = {"owner": self.owners, "channel": self.channels, "kpi": self.kpis}
        return [
            (
                ("strategies", name, field),
                f"strategies.{name}.{field}: {field}s has no {code!r}.{did_you_mean(code, known)} "
                f"Known: {', '.join(known) or 'none'}.",
            )
            for name, strategy in self.strategies.items()
            for field, known in groups.items()
            if (code := getattr(strategy, field)) not in known
        ]

    def _scheme_problems(self) -> list[tuple[Where, str]]:
        """Find schemes that are not registered, and strategies that are unknown or named twice."""
        problems: list[tuple[Where, str]] = [
            (
                ("schemes", scheme),
                f"schemes.{scheme}: no classifier is named {scheme!r}.{did_you_mean(scheme, classifiers)} "
                "`crmlab schemes` lists them.",
            )
            for scheme in self.schemes
            if scheme not in classifiers
        ]
        for scheme, classes in self.schemes.items():
            for label, names in classes.items():
                for place, name in enumerate(names):
                    where = ("schemes", scheme, label, place)
                    path = f"schemes.{scheme}.{label}"
                    if name not in self.strategies:
                        hint = did_you_mean(name, self.strategies)
                        problems.append((where, f"{path}: no strategy is named {name!r}.{hint}"))
                    elif name in names[:place]:
                        problems.append((where, f"{path}: the strategy {name!r} is named twice."))
        return problems


def _allowed(where: Where) -> tuple[str, ...]:
    """Return the names that may stand where an unknown one was found."""
    if len(where) == 1:
        return tuple(Playbook.model_fields)
    return tuple((Strategy if where[0] == "strategies" else Words).model_fields)


def _invalid(document: Document, problems: list[tuple[Where, str]]) -> ParamsError:
    lines = [f"{document.place(where)}{line}".replace("\n", "\\n") for where, line in problems]
    return ParamsError("The playbook is not valid:\n" + "\n".join(f"  {line}" for line in lines), problems)


def _ours() -> str:
    packaged: Traversable = files("crmlab").joinpath("playbooks", "strategies.yaml")
    if not packaged.is_file():  # in a checkout
        packaged = Path(__file__).parents[1] / "params" / "playbooks" / "strategies.yaml"
    return packaged.read_text(encoding="utf-8")
