"""The playbook: strategies per class, checked before use, and ours for every class of every scheme."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmlab.documents import parse
from crmlab.errors import ParamsError
from crmlab.labels import UNCLASSIFIED
from crmlab.playbook import OTHERWISE, Playbook
from crmlab.registry import classifiers

OURS = Path(__file__).resolve().parents[1] / "params" / "playbooks" / "strategies.yaml"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
OWN = sorted(info.name for info in classifiers.info() if info.distribution == "crmlab")
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in OWN),
    *(("rfm", {"map": name}) for name in ("total_11", "r_rfm_02", "r_rfm_03", "shopify")),
    *(("rfm", {"convention": convention}) for convention in ("mean_binary", "median_binary")),
    *(("geography", {"level": level}) for level in ("region", "province", "city")),
    *(("demographics", {"by": by}) for by in ("gender", "education", "zodiac")),
    ("lifecycle", {"counts_lost": False}),
    ("customer-need-stage", {"counts_lost": True}),
]
MAY_SHARE = {
    "geography": {("outside", "abroad")},  # parcels to both cross a customs border
    "industry": {("utilities", "education", "health")},  # both buy by budget and tender
}
"""Classes that are treated the same on purpose; industries left to ``otherwise`` are, too."""

GOOD = """\
owners:
  sales: {zh: 销售, en: Sales}
channels:
  phone: {zh: 电话, en: Telephone}
kpis:
  returned: {zh: 回购占比, en: Share who return}
strategies:
  call:
    zh: 致电。
    en: Call.
    owner: sales
    channel: phone
    kpi: returned
  wait: {zh: 等待。, en: Wait., owner: sales, channel: phone, kpi: returned, control_share: 0.5}
schemes:
  status:
    lost: [call, wait]
    dormant: [wait]
"""


@pytest.fixture(scope="module")
def ours() -> Playbook:
    return Playbook.read()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "plays.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def problems(write: Callable[[str], Path]) -> Callable[[str], list[str]]:
    """Return what is wrong with a playbook, line by line, without the folder."""

    def problems(text: str) -> list[str]:
        path = write(text)
        with pytest.raises(ParamsError) as error:
            Playbook.read(path)
        return [line.strip().removeprefix(f"{path.parent}/") for line in str(error.value).splitlines()]

    return problems


def test_strategies_of_a_class_in_order(write: Callable[[str], Path]) -> None:
    playbook = Playbook.read(write(GOOD))
    assert playbook.names("status", "lost") == ("call", "wait")
    call, wait = playbook.of("status", "lost")
    assert call.text == ("致电。", "Call.")
    assert (call.control_share, wait.control_share) == (0.1, 0.5)
    assert playbook.owners[call.owner].text == ("销售", "Sales")
    assert playbook.of("status", "active") == ()
    assert playbook.of("rfm", "lost") == ()
    assert [label.id for label in playbook.without("status", classifiers["status"]().scheme)] == ["active"]


def test_otherwise_is_for_classes_that_are_not_listed(write: Callable[[str], Path]) -> None:
    playbook = Playbook.read(write(f"{GOOD}    active: []\n    otherwise: [call]\n"))
    assert playbook.names("status", "anything") == ("call",)
    assert playbook.names("status", "dormant") == ("wait",)
    assert playbook.names("status", "active") == ()
    assert playbook.names("status", UNCLASSIFIED.id) == ()


def test_an_alias_has_the_strategies_of_its_original_unless_it_has_its_own(
    write: Callable[[str], Path],
) -> None:
    text = GOOD.replace("  status:", "  feedback:")
    assert Playbook.read(write(text)).names("service-feedback", "lost") == ("call", "wait")
    own = Playbook.read(write(f"{text}  service-feedback:\n    neutral: [call]\n"))
    assert own.names("service-feedback", "neutral") == ("call",)
    assert own.names("service-feedback", "lost") == ()


def test_unknown_names_are_told_with_line_and_suggestion(problems: Callable[[str], list[str]]) -> None:
    text = GOOD.replace("owner: sales\n", "owner: sale\n").replace("[call, wait]", "[cal, wait]")
    assert problems(text.replace("  status:", "  statsu:")) == [
        "The playbook is not valid:",
        "plays.yaml:11: strategies.call.owner: owners has no 'sale'. Did you mean 'sales'? Known: sales.",
        "plays.yaml:16: schemes.statsu: no classifier is named 'statsu'. Did you mean 'status'? "
        "`crmlab schemes` lists them.",
        "plays.yaml:17: schemes.statsu.lost: no strategy is named 'cal'. Did you mean 'call'?",
    ]


def test_a_strategy_named_twice(problems: Callable[[str], list[str]]) -> None:
    assert problems(GOOD.replace("[call, wait]", "[wait, call, wait]"))[1:] == [
        "plays.yaml:17: schemes.status.lost: the strategy 'wait' is named twice."
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    kpi: returned\n", "", "plays.yaml:8: strategies.call.kpi: required, and not given."),
        (
            "    kpi: returned\n",
            "    kpi: returned\n    chanel: phone\n",
            "plays.yaml:14: strategies.call.chanel: unknown name. Did you mean 'channel'? "
            "Allowed: zh, en, owner, channel, kpi, control_share.",
        ),
        (
            "control_share: 0.5",
            "control_share: 50",
            "plays.yaml:14: strategies.wait.control_share: "
            "Input should be less than or equal to 0.5; given: 50.",
        ),
        (
            "zh: 致电。",
            "zh: ''",
            "plays.yaml:9: strategies.call.zh: String should have at least 1 character; given: ''.",
        ),
        (
            "schemes:",
            "scheme:",
            "plays.yaml:15: scheme: unknown name. Did you mean 'schemes'? "
            "Allowed: owners, channels, kpis, strategies, schemes.",
        ),
        (
            "{zh: 电话, en: Telephone}",
            "{zh: 电话, eng: Telephone}",
            "plays.yaml:4: channels.phone.eng: unknown name. Did you mean 'en'? Allowed: zh, en.",
        ),
    ],
)
def test_values_are_checked(problems: Callable[[str], list[str]], old: str, new: str, told: str) -> None:
    assert told in problems(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[wait]", "!!python/object/apply:os.getcwd []", "plays.yaml:18: .*the tag .* is not supported"),
        (
            "[wait]",
            "&names [wait]\n    active: *names",
            r"plays.yaml:19: .*the alias \*names is not supported",
        ),
        ("    dormant:", "    lost:", "plays.yaml:18: the key 'lost' appears twice"),
    ],
)
def test_hostile_or_doubtful_yaml_is_refused(
    write: Callable[[str], Path], old: str, new: str, told: str
) -> None:
    with pytest.raises(ParamsError, match=told):
        Playbook.read(write(GOOD.replace(old, new)))


@pytest.mark.parametrize("text", ["", "- call\n", "hello\n"])
def test_a_playbook_is_a_mapping(write: Callable[[str], Path], text: str) -> None:
    with pytest.raises(ParamsError, match="The playbook is not valid"):
        Playbook.read(write(text))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gbk.yaml").write_bytes(GOOD.encode("gbk"))
    with pytest.raises(ParamsError, match=r"gbk\.yaml cannot be read: it is not in UTF-8\. Give the path"):
        Playbook.read(tmp_path / "gbk.yaml")
    with pytest.raises(ParamsError, match=r"none\.yaml cannot be read: .*No such file.*a copy of params/"):
        Playbook.read(tmp_path / "none.yaml")


@pytest.mark.parametrize(("name", "params"), VARIANTS)
def test_every_class_of_our_schemes_has_something_to_do(
    ours: Playbook, name: str, params: dict[str, Any]
) -> None:
    scheme = classifiers[name].from_params(params).scheme
    assert ours.without(name, scheme) == ()
    assert ours.names(name, "segment_found_in_the_data") or scheme.labels


def test_no_class_is_made_up(ours: Playbook) -> None:
    known: dict[str, set[str]] = {}
    for name, params in VARIANTS:
        plugin = classifiers[name].from_params(params)
        known.setdefault(plugin.alias_of or name, set()).update(plugin.scheme.ids)
    assert known["rfm"] > {"important_value", "others"}
    strange = {
        (name, label)
        for name, classes in ours.schemes.items()
        for label in classes
        if label not in known[name] | {OTHERWISE}
    }
    assert strange == set()


@pytest.mark.parametrize("name", OWN)
def test_classes_that_differ_are_treated_differently(ours: Playbook, name: str) -> None:
    own = ours.schemes.get(name, {})
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    for label in classifiers[name]().scheme.ids:
        if label in own:
            same[own[label]] = (*same.get(own[label], ()), label)
    assert {labels for labels in same.values() if len(labels) > 1} == MAY_SHARE.get(name, set())


def test_strategies_are_used_shared_and_not_copied(ours: Playbook) -> None:
    used = Counter(
        name for classes in ours.schemes.values() for names in classes.values() for name in {*names}
    )
    assert set(used) == set(ours.strategies)
    for words in ("zh", "en"):
        said = Counter(getattr(strategy, words) for strategy in ours.strategies.values())
        assert said.most_common(1)[0][1] == 1
    for scheme, label in (("status", "lost"), ("lifecycle", "lost"), ("behaviour", "churned")):
        assert ours.names(scheme, label) == ("find_churn_reasons", "win_back_offer")


def test_ours_is_written_in_both_languages(ours: Playbook) -> None:
    for name, strategy in ours.strategies.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert CHINESE.search(strategy.zh), name
        assert strategy.zh.endswith("。"), name
        assert not re.search(r"[,;:!?()]", strategy.zh), name
        assert not CHINESE.search(strategy.en), name
        assert strategy.en.endswith("."), name
    for codes in (ours.owners, ours.channels, ours.kpis):
        for words in codes.values():
            assert CHINESE.search(words.zh)
            assert not CHINESE.search(words.en)


@pytest.mark.parametrize(("codes", "field"), [("owners", "owner"), ("channels", "channel"), ("kpis", "kpi")])
def test_every_code_is_used(ours: Playbook, codes: str, field: str) -> None:
    assert {getattr(strategy, field) for strategy in ours.strategies.values()} == set(getattr(ours, codes))


def test_complaints_are_answered_without_a_control_group(ours: Playbook) -> None:
    assert {strategy.control_share for strategy in ours.of("feedback", "dissatisfied")} == {0}
    assert [strategy.control_share for strategy in ours.of("status", "lost")] == [0, 0.2]


def test_ours_is_the_file_that_is_named_to_be_copied(ours: Playbook) -> None:
    assert Playbook.read(OURS) == ours
    assert set(parse(OURS.read_text(encoding="utf-8"), "ours").value) == set(Playbook.model_fields)
