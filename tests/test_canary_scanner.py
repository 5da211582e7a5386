"""The scanner of other tests finds what it is to find, or they would pass whatever left."""

from __future__ import annotations

import html
import zipfile
from pathlib import Path

import pytest

from tests.canary_scanner import forms, found_in, found_in_text


@pytest.mark.parametrize("canary", ["13987654321", "鲜于梓宸", 'q7 "Kanari+&/ü'])
def test_the_scanner_finds_every_form(tmp_path: Path, canary: str) -> None:
    for place, form in enumerate(sorted(forms(canary))):
        path = tmp_path / f"{place}.html"
        path.write_text(f"<p>…{form}…</p>", encoding="utf-8")
        assert found_in(path, [canary]) == [(path.name, canary)], form
        assert found_in_text(form, [canary, "another"]) == [canary]
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<t>{html.escape(canary)}</t>")
    assert [found for _, found in found_in(tmp_path / "book.xlsx", [canary])] == [canary]
    (tmp_path / "clean.html").write_text("139****4321 鲜于** q7", encoding="utf-8")
    assert found_in(tmp_path / "clean.html", [canary]) == []
