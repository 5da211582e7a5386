"""A survey small enough to be counted by hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

_COLUMNS = (
    *("feedback_id", "customer_id", "given_on", "text", "score", "scale", "respondent_id"),
    *("question", "answer", "order_id", "channel"),
)


@pytest.fixture(scope="session")
def sheets_csv() -> Callable[..., str]:
    """Return a function that writes answer sheets as a CSV of the table feedback.

    Each sheet is question → answer; a pair (score, scale) is a rating. What is about the sheet itself
    (``customer_id``, ``given_on``, …) is given under these names.
    """

    def write(sheets: Sequence[Mapping[str, Any]]) -> str:
        rows = []
        for number, sheet in enumerate(sheets, 1):
            about = {name: sheet[name] for name in _COLUMNS if name in sheet}
            about = {"respondent_id": f"r{number}", "given_on": "2024-06-01", **about}
            for question, answer in sheet.items():
                if question in _COLUMNS or answer is None:
                    continue
                row = {**about, "feedback_id": f"f{len(rows) + 1}", "question": question}
                if isinstance(answer, tuple):
                    row["score"], row["scale"] = answer
                else:
                    row["answer"] = answer
                rows.append(row)
        file = io.StringIO()
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        return file.getvalue()

    return write
