"""Names of files and values of options as people, or somebody malicious, may give them."""

from __future__ import annotations

from hypothesis import strategies as st

AWKWARD = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\")
    | st.sampled_from(list("%$'\"`;&|<>(){}[]*?!# ~^=研究")),
    min_size=1,
    max_size=12,
)
