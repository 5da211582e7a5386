"""What a study may set about surveys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SurveyParams(BaseModel):
    """How answers are weighted and judged."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
