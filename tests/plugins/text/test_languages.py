from __future__ import annotations

import polars as pl
import pytest

from crmlab_plugins.text.languages import languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("酒店很好", "zh"),
        ("服務態度很差", "zh"),
        ("ThinkPad X200 Vista 系统太慢了，不好用", "zh"),
        ("Great hotel", "en"),
        ("The 豆腐 was great and so was everything else", "en"),
        ("とても良いホテルでした", None),
        ("매우 좋아요", None),
        ("Отличный отель", None),
        ("😀😀", None),
        ("12345!", None),
        ("", None),
        (None, None),
    ],
)
def test_language_follows_the_script(text: str | None, language: str | None) -> None:
    assert languages(pl.Series([text], dtype=pl.String))[0] == language
