"""Texts, labels and schemes."""

from __future__ import annotations

import pytest

from crmlab.labels import UNCLASSIFIED, Label, Scheme, Score, Text

GOOD = Label("good", "好", "Good")
BAD = Label("bad", "差", "Bad")
SCHEME = Scheme("taste", "口味", "Taste", (GOOD, BAD), ("need",))


def test_text_in_either_language() -> None:
    assert Text("好", "Good").to("zh") == "好"
    assert Text("好", "Good").to("en") == "Good"
    assert GOOD.text == Text("好", "Good")
    assert SCHEME.text == Text("口味", "Taste")
    assert Score("chance", "probability", "概率", "Chance").text == Text("概率", "Chance")


def test_a_scheme_keeps_its_order_and_ends_with_unclassified() -> None:
    assert SCHEME.ids == ("good", "bad")
    assert list(SCHEME) == [GOOD, BAD, UNCLASSIFIED]
    assert SCHEME.names("zh") == {"good": "好", "bad": "差", "unclassified": "未分类"}
    assert list(SCHEME.names("en").values()) == ["Good", "Bad", "Unclassified"]


def test_a_scheme_may_name_unclassified_itself() -> None:
    own = Label("unclassified", "不详", "Unknown")
    scheme = Scheme("taste", "口味", "Taste", (GOOD, own))
    assert list(scheme) == [GOOD, own]
    assert scheme["unclassified"] is own


def test_what_a_scheme_holds() -> None:
    assert "good" in SCHEME
    assert UNCLASSIFIED.id in SCHEME
    assert None not in SCHEME
    assert "Good" not in SCHEME
    assert SCHEME["bad"] is BAD
    with pytest.raises(KeyError, match="ugly"):
        SCHEME["ugly"]


def test_two_labels_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two labels of one id"):
        Scheme("taste", "口味", "Taste", (GOOD, Label("good", "妙", "Fine")))


def test_labels_are_values() -> None:
    assert Label("good", "好", "Good") == GOOD
    assert len({GOOD, Label("good", "好", "Good"), BAD}) == 2
    with pytest.raises(AttributeError):
        GOOD.zh = "妙"  # type: ignore[misc]
