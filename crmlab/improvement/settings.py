"""What a study may set about the evaluation of improvements."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ImprovementParams(BaseModel):
    """How the effect of a measure is judged."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
