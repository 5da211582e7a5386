"""Industry: the section of the economy in which a business customer works."""

from __future__ import annotations

from typing import ClassVar

from crmlab.labels import Text
from crmlab_plugins.rules.mapping_rules import Mapped


class Industry(Mapped):
    """Maps the stated industry to the sections of GB/T 4754-2017; the rest stays under other industries."""

    title: ClassVar[Text] = Text("行业", "Industry")
    needs: ClassVar[Text] = Text("行业", "an industry")
    column: ClassVar[str] = "industry"
    measure: ClassVar[Text] = Text("行业", "the industry")
    file: ClassVar[str] = "industry"
    other: ClassVar[str] = "other"
