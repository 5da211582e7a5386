"""The theme: colours that survive colour-blindness, and output that works offline."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations, pairwise

import numpy as np
import polars as pl
import pytest

from crmlab.view import theme

# Machado, Oliveira & Fernandes (2009), severity 1.0, applied to linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson's OKLab (2020) of linear sRGB."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    axes = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return axes @ np.cbrt(cones @ rgb)


def seen(colour: str, vision: str) -> np.ndarray:
    return oklab(np.clip(VISION[vision] @ linear(colour), 0, 1))


def contrast(a: str, b: str) -> float:
    light, dark = sorted(
        (float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (a, b)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_categories_stay_apart_for_every_kind_of_sight(vision: str) -> None:
    distances = {
        (a, b): float(np.linalg.norm(seen(a, vision) - seen(b, vision)))
        for a, b in combinations(theme.PALETTE, 2)
    }
    assert min(distances.values()) >= 0.13, min(distances, key=lambda pair: distances[pair])


@pytest.mark.parametrize("vision", VISION)
def test_good_neutral_and_bad_stay_apart(vision: str) -> None:
    for a, b in combinations((theme.GOOD, theme.NEUTRAL, theme.BAD), 2):
        assert np.linalg.norm(seen(a, vision) - seen(b, vision)) >= 0.13


@pytest.mark.parametrize("vision", VISION)
def test_ramps_keep_their_order(vision: str) -> None:
    lightness = [seen(colour, vision)[0] for colour in theme.SEQUENTIAL]
    assert all(a - b >= 0.05 for a, b in pairwise(lightness))
    left, right = theme.DIVERGING[:4], theme.DIVERGING[3:]
    assert all(seen(a, vision)[0] < seen(b, vision)[0] for a, b in pairwise(left))
    assert all(seen(a, vision)[0] > seen(b, vision)[0] for a, b in pairwise(right))


def test_marks_and_text_stand_out_from_the_paper() -> None:
    assert min(contrast(colour, "#ffffff") for colour in theme.PALETTE) >= 1.9
    assert contrast(theme.MUTED, "#ffffff") >= 4.5  # WCAG 2.2, 1.4.3
    assert contrast(theme.INK, "#ffffff") >= 7


def test_enabled_theme_and_renderer_reach_the_output() -> None:
    theme.enable("en")
    import altair as alt

    chart = alt.Chart(pl.DataFrame({"x": [1, 2]}), title="Two of one").mark_point().encode(x="x:Q")
    data = chart._repr_mimebundle_()
    assert list(data) == ["application/vnd.vegalite.v5+json", "text/plain"]
    assert data["text/plain"] == "[Two of one]"
    assert data[theme.MIME]["config"]["range"]["category"] == list(theme.PALETTE)


def test_enable_spares_the_grammar_that_jsonschema_would_build() -> None:
    code = (
        "import sys; from crmlab.view import theme; assert 'altair' not in sys.modules; theme.enable(); "
        "import altair; assert sys.modules['rfc3987_syntax'] is None; assert 'lark' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_container_width_is_left_to_the_page() -> None:
    assert theme.render({"mark": "bar", "width": "container"})[theme.MIME] == {"mark": "bar"}
    assert theme.render({"mark": "bar", "width": 200})[theme.MIME]["width"] == 200


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"description": "d", "title": "t"}, "d"),
        ({"title": {"text": ["two", "lines"]}}, "two lines"),
        ({"layer": [{}, {"title": "in a layer"}]}, "in a layer"),
        ({"mark": "bar"}, ""),
    ],
)
def test_describe(spec: dict[str, object], words: str) -> None:
    assert theme.describe(spec) == words


@pytest.mark.parametrize(("language", "words"), [("zh", ("亿", "万")), ("en", ("M", "k"))])
def test_axis_numbers_are_shortened_in_the_readers_units(language: str, words: tuple[str, str]) -> None:
    assert all(f"'{word}'" in theme.number_label(language) for word in words)
