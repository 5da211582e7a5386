"""What a study may set about complaints."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ComplaintParams(BaseModel):
    """Business hours and what was promised to customers."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
