from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab_plugins.text.shingles import Shingles

LONG = "这家酒店的位置很好，服务员也很热情，早餐品种丰富，下次来还会住这里的，推荐给大家。"


def test_small_changes_leave_most_shingles_shared() -> None:
    copy = LONG.replace("很好", "非常好")
    shared = Shingles.of([copy, "完全不同的另一条评论，讲的是一本不值得买的书"]).share_in(Shingles.of([LONG]))
    assert shared[0] > 0.6
    assert shared[1] == 0


def test_punctuation_case_and_width_do_not_count() -> None:
    one, other = Shingles.of(["Very ＧＯＯＤ hotel!"]), Shingles.of(["very, good HOTEL"])
    assert one.hashes.tolist() == other.hashes.tolist()


def test_short_texts_are_one_shingle() -> None:
    found = Shingles.of(["好", "", "差评", "好！"])
    assert found.starts.tolist() == [0, 1, 2, 3, 4]
    assert found.hashes[0] == found.hashes[3]
    assert len(set(found.hashes.tolist())) == 3


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_a_text_has_the_same_shingles_alone_as_among_others(texts: list[str]) -> None:
    together = Shingles.of(texts)
    buckets = together.buckets(100)
    for place, text in enumerate(texts):
        alone = Shingles.of([text])
        begin, end = together.starts[place : place + 2]
        assert together.hashes[begin:end].tolist() == alone.hashes.tolist()
        assert buckets[place] == alone.buckets(100)[0]
        assert alone.share_in(together)[0] == 1


@pytest.mark.parametrize(("text", "bucket"), [(LONG, 30), ("好", 15)])
def test_buckets_never_change(text: str, bucket: int) -> None:
    assert Shingles.of([text]).buckets(100)[0] == bucket
