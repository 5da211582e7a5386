"""One card per segment: its figures side by side, and what else is known of it in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from crmlab.labels import Language, Text
from crmlab.view.findings import KeyFigures
from crmlab.view.html import View, escape


@dataclass(frozen=True)
class Card:
    """One segment: its name, its figures (value, what it counts) and (what, text) pairs."""

    name: Text
    figures: Sequence[tuple[Text, Text]]
    items: Sequence[tuple[Text, Text]]


@dataclass(frozen=True)
class Cards(View):
    """Cards under each other; each stays on one page of print."""

    cards: Sequence[Card]
    language: Language = "zh"

    view: ClassVar[str] = "cards"

    def payload(self) -> dict[str, Any]:
        """Return the texts of each card in the chosen language."""

        def said(pairs: Sequence[tuple[Text, Text]]) -> list[list[str]]:
            return [[first.to(self.language), second.to(self.language)] for first, second in pairs]

        return {
            "cards": [
                {
                    "name": card.name.to(self.language),
                    "figures": said(card.figures),
                    "items": said(card.items),
                }
                for card in self.cards
            ]
        }

    def plain(self) -> str:
        """Return the names of the segments in one line."""
        return " · ".join(card.name.to(self.language) for card in self.cards)

    @classmethod
    def render(cls, payload: dict[str, Any]) -> str:
        """Return one ``<section>`` per card: its figures, then a description list."""
        return "".join(cls._card(card) for card in payload["cards"])

    @staticmethod
    def _card(card: dict[str, Any]) -> str:
        figures = KeyFigures.render({"figures": card["figures"]})
        items = "".join(
            f"<div><dt>{escape(what)}</dt><dd>{escape(text)}</dd></div>" for what, text in card["items"]
        )
        return (
            f'<section class="crm-card" style="break-inside:avoid"><h4>{escape(card["name"])}</h4>{figures}'
            f'<aside class="crm-source"><dl>{items}</dl></aside></section>'
        )
