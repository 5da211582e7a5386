"""Channel evidence and preference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preference_tables import at, built, table

import crmlab
from crmlab.errors import ParamsError
from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.features.channels import CHANNELS, ChannelEvidence, answered, begun, kinds_of, sent
from crmlab_plugins.schemes.channel_preference import ChannelPreference


@parametrize_with_checks(
    [
        ChannelPreference(),
        ChannelPreference(shrinkage=2.0, default_channel="email"),
        ChannelEvidence(words={"微信": "chat"}),
    ]
)
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)


def _rows(*rows: dict[str, int]) -> pl.DataFrame:
    """Counts by column; those not given are 0."""
    names = [column(channel) for channel in CHANNELS for column in (sent, answered, begun)]
    frame = pl.DataFrame([{name: row.get(name, 0) for name in names} for row in rows])
    return frame.with_columns(customer_id=pl.format("c{}", pl.int_range(pl.len())))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("电话", "phone"),
        ("400热线", "phone"),
        ("微信", "social"),
        ("企业微信客服", "social"),
        ("抖音", "social"),
        ("小红书", "social"),
        ("WhatsApp", "social"),
        ("E-Mail", "email"),
        ("在线客服", "chat"),
        ("Live Chat", "chat"),
        ("短信", "sms"),
        ("门店", "in_person"),
        ("online shop", "other"),
        ("传真", "other"),
    ],
)
def test_words_of_channels(name: str, kind: str) -> None:
    assert kinds_of([name], {}) == {name: kind}


def test_words_can_be_added_and_moved() -> None:
    assert kinds_of(["会员专线A", "微信"], {"会员专线": "phone", "微信": "chat"}) == {
        "会员专线A": "phone",
        "微信": "chat",
    }
    with pytest.raises(ParamsError, match="Did you mean 'phone'"):
        ChannelEvidence.from_params({"words": {"专线": "phon"}})


def test_what_counts_as_a_contact_and_an_answer() -> None:
    contact: dict[str, Any] = {
        "customer_id": "a",
        "campaign_id": "m",
        "contacted_at": at(9),
        "arm": "treatment",
    }
    contacts = table(
        contact | {"channel": "邮件", "delivered_at": at(9), "opened_at": at(8)},
        contact | {"channel": "邮件", "delivered_at": at(9), "opened_at": at(-1)},
        contact | {"channel": "邮件", "delivered_at": None},
        contact | {"channel": "邮件", "delivered_at": at(9), "arm": "control"},
        contact | {"channel": None, "delivered_at": at(9), "opened_at": None},
    )
    calls = table(
        {"customer_id": "a", "happened_at": at(3), "channel": "电话", "direction": "inbound"},
        {"customer_id": "a", "happened_at": at(3), "channel": "电话", "direction": "outbound"},
        {"customer_id": "a", "happened_at": at(-3), "channel": "电话", "direction": "inbound"},
    )
    campaigns = table({"campaign_id": "m", "channel": "短信"})
    made = built(ChannelEvidence(), contacts=contacts, interactions=calls, campaigns=campaigns)["a"]
    found = {name: count for name, count in made.items() if name != "customer_id" and count}
    assert found == {
        "email_sent_count": 2,
        "email_answer_count": 1,
        "sms_sent_count": 1,
        "phone_inbound_count": 1,
    }


def test_few_contacts_are_shrunk_towards_everybody() -> None:
    everybody = [{"phone_inbound_count": 8, "email_inbound_count": 2}] * 20
    one, many = {"email_inbound_count": 1}, {"email_inbound_count": 30}
    rows = _rows(*everybody, one, many, {})
    preference = ChannelPreference(shrinkage=4.0).fit(rows)
    assert preference.predict(rows).to_list()[-3:] == ["phone", "email", "unclassified"]
    sure = preference.confidence(rows).to_list()
    assert sure[-2] > 0.95 > sure[-3]  # type: ignore[operator]
    assert sure[-1] is None
    assert preference.explain(rows)["zh"][-1] == "缺少沟通或触达记录"


def test_equal_rates_go_to_the_default_channel() -> None:
    rows = _rows({"email_inbound_count": 2, "chat_inbound_count": 2, "sms_inbound_count": 2})
    for default, chosen in (("chat", "chat"), ("sms", "sms"), ("phone", "email")):
        preference = ChannelPreference(default_channel=default, shrinkage=4.0).fit(rows)
        assert preference.predict(rows).to_list() == [chosen]


def _planted(strength: float, customers: int = 300, contacts: int = 8) -> tuple[pl.DataFrame, list[str]]:
    """Customers who begin a share ``strength`` of their contacts on a channel of their own."""
    rng = np.random.default_rng(7)
    channels = ["phone", "email", "social", "chat"]
    own = rng.choice(channels, customers, p=[0.4, 0.3, 0.2, 0.1])
    rows = []
    for channel in own:
        drawn = np.where(rng.random(contacts) < strength, channel, rng.choice(channels, contacts))
        rows.append({begun(name): int((drawn == name).sum()) for name in channels})
    return _rows(*rows), own.tolist()


def test_planted_preferences_are_found() -> None:
    rows, own = _planted(0.6)
    preference = ChannelPreference().fit(rows)
    hit = preference.predict(rows) == pl.Series(own)
    assert hit.mean() > 0.9
    # The confidence is about right: what it promises on average is what is reached.
    assert preference.confidence(rows).mean() == pytest.approx(hit.mean(), abs=0.08)  # type: ignore[arg-type]


def test_where_customers_do_not_differ_everybody_gets_the_best_of_all() -> None:
    rng = np.random.default_rng(3)
    rows = _rows(
        *(
            {"phone_inbound_count": int(k), "email_inbound_count": 6 - int(k)}
            for k in rng.binomial(6, 0.65, 400)
        )
    )
    preference = ChannelPreference().fit(rows)
    assert preference.shrinkage_ > 30
    assert (preference.predict(rows) == "phone").mean() > 0.95  # type: ignore[operator]
    assert "的客户归入电话：除这一共同倾向外，数据看不出个人偏好" in preference.definition().zh
    assert "no preference of single customers" in preference.definition().en
    assert "个人偏好" not in ChannelPreference().fit(_planted(0.6)[0]).definition().zh
    assert ChannelPreference().fit(_planted(0.6)[0]).shrinkage_ < 3


def test_the_confidence_is_close_to_a_simulation_of_the_posterior() -> None:
    rows, _ = _planted(0.3, customers=60)
    preference = ChannelPreference(shrinkage=4.0).fit(rows)
    _, means, weight = preference._posterior(rows)
    draws = np.random.default_rng(0).beta(means * weight, (1 - means) * weight, size=(4000, *means.shape))
    simulated = (draws.argmax(axis=2)[..., None] == np.arange(means.shape[1])).mean(axis=0)
    labels = [list(preference.rates_).index(label) for label in preference.predict(rows)]
    known = simulated[np.arange(len(labels)), labels]
    assert np.abs(preference.confidence(rows).to_numpy() - known).max() < 0.07


@given(st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=30)
def test_answering_once_more_never_loses_a_channel(calls: int, mails: int) -> None:
    rows = _rows(
        {"phone_inbound_count": calls + 1, "email_inbound_count": mails + 1}, {"phone_inbound_count": 3}
    )
    more = rows.with_columns(
        email_sent_count=pl.col("email_sent_count") + 1, email_answer_count=pl.col("email_answer_count") + 1
    )
    preference = ChannelPreference(shrinkage=3.0).fit(rows)
    if preference.predict(rows)[0] == "email":
        assert preference.predict(more)[0] == "email"


def test_wrong_parameters() -> None:
    with pytest.raises(ParamsError, match=r"shrinkage is 0.*default_channel is 'fax'"):
        ChannelPreference.from_params({"shrinkage": 0, "default_channel": "fax"})


def test_the_generated_company_has_no_preferences_of_its_customers() -> None:
    """Channels are drawn there with one set of weights for all, 微信 most often."""
    lab = crmlab.open("segmentation", data=[{"source": "sample"}], as_of="2024-12-31")
    labels = lab.classify("channel-preference").labels.filter(pl.col("label") != "unclassified")
    assert (labels["label"] == "social").mean() > 0.95  # type: ignore[operator]
