"""Fixtures that every test may use."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import polars as pl

    from crmlab.lab import Lab

# The same examples on every machine, however busy it is.
settings.register_profile("crmlab", derandomize=True, deadline=None)
settings.load_profile("crmlab")

SHARED_DATA = Path(
    os.environ.get("CRMLAB_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets that lie beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets beside the checkout are absent; set CRMLAB_TEST_DATA to their folder")
    return SHARED_DATA


@pytest.fixture(scope="session")
def cdnow() -> Path:
    """The folder of the CDNOW purchases (Fader & Hardie 2001) that the package lifetimes carries."""
    from importlib.util import find_spec

    package = find_spec("lifetimes")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package lifetimes, which carries the CDNOW data, is not installed")
    return Path(package.submodule_search_locations[0]) / "datasets"


@pytest.fixture(scope="session")
def cdnow_orders(cdnow: Path) -> pl.DataFrame:
    """The purchases of the tenth of the CDNOW customers that publications use.

    Columns ``customer_id``, ``ordered_at`` (Date, 1997-01-01 to 1998-06-30), ``amount`` (USD); 6,919 rows,
    2,357 customers, all of whom first bought in the first quarter of 1997.
    """
    import polars as pl

    lines = (cdnow / "CDNOW_sample.txt").read_text(encoding="ascii").splitlines()
    rows = [(line[1], line[2], float(line[4])) for line in map(str.split, lines) if line]
    frame = pl.DataFrame(rows, schema=["customer_id", "ordered_at", "amount"], orient="row")
    return frame.with_columns(pl.col("ordered_at").str.to_date("%Y%m%d"))


@pytest.fixture
def make_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lab]:
    """Return a function that opens a lab on tables given as the text of CSV files.

    ``make_lab({"orders": "customer_id,…\\n…"}, "segmentation", as_of="2024-06-30")``; further
    keyword arguments are settings of the study.
    """
    monkeypatch.setenv("CRMLAB_KEY_FOLDER", str(tmp_path / "key"))

    def make(tables: Mapping[str, str], report: str | None = None, **settings: Any) -> Lab:
        import crmlab

        files = {}
        for name, text in tables.items():
            path = tmp_path / f"{name}.csv"
            path.write_text(text, encoding="utf-8")
            files[name] = {"path": str(path)}
        given = {"as_of": "2024-06-30", "data": [{"source": "files", "files": files}], **settings}
        return crmlab.open(report, **given)

    return make


@pytest.fixture
def shop() -> dict[str, str]:
    """Return a small shop's tables as CSV; its numbers can be checked by hand.

    As of 2024-06-30 Ann (108.06 in 2 orders, the last 10 days ago) and Dan (10.00, 60 days ago) are
    active, Bob (50.00, 121 days ago) is dormant, Cai (15.00 net of a refund, 395 days ago) is lost;
    Eve ordered later and Fay never.
    """
    return {
        "customers": "customer_id,city\nann,北京\nbob,成都\ncai,上海\ndan,洛阳\neve,北京\nfay,喀什\n",
        "orders": (
            "order_id,customer_id,ordered_at,amount\n"
            "1,ann,2024-06-01,100.05\n2,ann,2024-06-20,8.01\n3,bob,2024-03-01,50\n"
            "4,cai,2023-06-01,20\n5,cai,2023-07-01,-5\n6,dan,2024-05-01,10\n7,eve,2024-07-05,999\n"
        ),
        "order_lines": (
            "order_id,category,amount\n1,茶,80.05\n1,米,20\n2,米,8.01\n3,茶,10\n3,米,40\n4,茶,20\n6,米,10\n7,茶,999\n"
        ),
    }


@pytest.fixture
def check_chart() -> Callable[..., None]:
    """Return a function that checks what every chart must have, and what none may hold."""

    def check(chart: Any, language: str, most_rows: int = 200, without: tuple[str, ...] = ()) -> None:
        spec = chart.to_dict()
        title = spec["title"]
        for text in (title["text"], title["subtitle"], spec["description"]):
            assert text.strip()
            assert bool(re.search("[\u3400-\u9fff]", text)) == (language == "zh"), text
        assert title["text"] in spec["description"]
        layers = [spec, *spec.get("layer", [])]
        for channel in ("x", "y"):
            axes = [layer["encoding"][channel] for layer in layers if channel in layer.get("encoding", {})]
            titles = [axis["title"] for axis in axes if "title" in axis]
            assert titles, f"the {channel} axis has no title"
            assert all(titles), f"the {channel} axis has no title"
        assert sum(len(rows) for rows in spec["datasets"].values()) <= most_rows
        data = json.dumps(spec["datasets"], ensure_ascii=False)
        assert "NaN" not in data
        for customer in without:
            assert f'"{customer}"' not in json.dumps(spec, ensure_ascii=False)

    return check
