"""Presets: valid data, recognised from documented headers, each able to fill its table."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crmlab.data.mapping.matching import map_table, required
from crmlab.data.presets import Layout, Preset, named, plain, presets, read, recognised
from crmlab.errors import ParamsError
from crmlab_plugins.sources.files import Files

HEADERS = {
    "zoho-contacts": "Record Id,Contact Owner.id,Contact Owner,First Name,Last Name,Account Name.id,"
    "Account Name,"
    "Email,Mobile,Created Time,Modified Time",
    "zoho-accounts": "Record Id,Account Owner.id,Account Owner,Account Name,Account Site,"
    "Parent Account.id,Account "
    "Number,Account Type,Industry,Annual Revenue,Rating,Phone,Billing City,Created Time,Modified Time",
    "zoho-leads": "Record Id,Lead Owner.id,Lead Owner,First Name,Last Name,Company,Lead Source,"
    "Lead Status,Mobile,"
    "Email,Created Time,Modified Time",
    "zoho-deals": "Record Id,Deal Owner,Deal Name,Account Name.id,Account Name,Amount,Closing Date,Stage,"
    "Pipeline",
    "zoho-cases": "Case Number,Case Owner,Status,Priority,Type,Case Origin,Case Reason,Subject,Account Name,"
    "Reported By,Description,Solution,No. of comments,Created Time,Modified Time",
    "salesforce-account": "Id,Name,Type,ParentId,BillingStreet,BillingCity,Phone,Industry,AnnualRevenue,"
    "OwnerId",
    "salesforce-contact": "ID,ACCOUNTID,LASTNAME,FIRSTNAME,MAILINGCITY,PHONE,MOBILEPHONE,EMAIL,OWNERID,"
    "CREATEDDATE",
    "salesforce-lead": "Id,LastName,FirstName,Company,Status,LeadSource,IsConverted,MobilePhone,CreatedDate",
    "salesforce-opportunity": "Id,AccountId,Name,StageName,Amount,Probability,CloseDate,IsClosed,IsWon,"
    "OwnerId",
    "salesforce-case": "Id,CaseNumber,ContactId,AccountId,Type,Status,Reason,Origin,Subject,Priority,"
    "ClosedDate,"
    "CreatedDate,IsEscalated",
    "fxiaoke-customer": "客户名称,客户编号,客户级别,客户类型,来源,成交状态,1级行业,省,市,详细地址,电话,"
    "负责人,创建时间",
    "fxiaoke-contact": "姓名,所属客户,职务,部门,手机,电话,邮箱,负责人,创建时间,最后修改时间",
    "fxiaoke-order": "销售订单编号,客户名称,商机,下单日期,产品合计,整单折扣,销售订单金额,订单状态,负责人,"
    "创建时间",
    "fxiaoke-record": "客户名称,互动类型,互动场景,内容,创建人,创建时间",
    "fxiaoke-case": "工单编号,客户名称,工单状态,问题类型,问题记录,解决方案,负责人,创建时间",
    "wjx": "序号,提交答卷时间,所用时间,来源,来源详情,来自IP,1、您的性别",
    "surveymonkey": "Respondent ID,Collector ID,Start Date,End Date,IP Address,How likely?",
    "qualtrics": "StartDate,EndDate,Status,IPAddress,Progress,Duration (in seconds),Finished,RecordedDate,"
    "ResponseId,Q1",
    "typeform": "#,How are you?,Start Date (UTC),Submit Date (UTC),Network ID,Tags",
    "shopify-orders": "Name,Email,Financial Status,Paid at,Currency,Total,Created at,Lineitem quantity,"
    "Lineitem name,"
    "Lineitem price,Lineitem sku",
    "woocommerce-orders": "order_id,order_number,order_date,status,shipping_total,order_total,order_currency,"
    "payment_method,customer_id,billing_email",
    "order-lines": "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
}
LABELS = {
    "salesforce-account": "Account Owner,Account Name,Type,Account Rating,Billing City,Last Activity,"
    "Account ID",
    "salesforce-contact": "Contact ID,First Name,Last Name,Account Name,Business Phone,Mobile,Email,"
    "Contact Owner",
    "salesforce-lead": "Lead Owner,First Name,Last Name,Title,Company / Account,Lead Source,Lead Status,"
    "Email",
    "salesforce-opportunity": "Opportunity Name,Type,Amount,Expected Revenue,Close Date,Stage,Account Name",
    "salesforce-case": "Case Number,Case Owner,Status,Priority,Date/Time Opened,Date/Time Closed,Case Origin",
    "fxiaoke-customer": "name,account_no,account_level,deal_status,owner,create_time,last_followed_time",
    "fxiaoke-contact": "name,account_id,job_title,department,mobile,tel,email,create_time",
    "fxiaoke-order": "name,account_id,order_time,order_amount,order_status,owner,create_time",
    "fxiaoke-record": "_id,account_id,interactive_types,interactive_scenario,active_record_content,"
    "create_time",
    "zoho-deals": "Record_Id,Deal_Name,Account_Name,Amount,Closing_Date,Stage",
    "woocommerce-orders": "Order Number,Order Status,Order Date,Email (Billing),Order Total Amount,Item Name",
}


def test_every_preset_has_headers_here() -> None:
    assert set(HEADERS) == set(presets())


@pytest.mark.parametrize(("name", "headers"), [*HEADERS.items(), *LABELS.items()])
def test_recognised_from_its_headers(name: str, headers: str) -> None:
    found = recognised(headers.split(","))
    assert found is not None
    assert found[0].name == name
    for table in named(name).provides:
        narrowed = recognised(headers.split(","), table)
        assert narrowed is not None
        assert narrowed[0].name == name


@pytest.mark.parametrize(("name", "headers"), [*HEADERS.items(), *LABELS.items()])
def test_what_a_preset_does_not_name_is_taken_for_nothing(name: str, headers: str) -> None:
    for table in named(name).tables:
        mapping = map_table(table, headers.split(","), named(name))
        assert {match.how for match in mapping.matches} == {"preset"}
        assert not mapping.conflicts


def test_other_headers_are_no_preset() -> None:
    for headers in (
        "客户编号,姓名,手机",
        "order_id,customer_id,ordered_at,amount",
        "text,score",
        "Name,Email,Total",
    ):
        assert recognised(headers.split(",")) is None


@pytest.mark.parametrize("name", presets())
def test_a_preset_fills_what_its_tables_require(name: str) -> None:
    preset = named(name)
    for table, layout in preset.tables.items():
        given = set(layout.columns) | set(layout.joined) | set(layout.constants) | set(layout.flags)
        if {"quantity", "unit_price"} <= given:
            given.add("amount")
        assert set(required(table)) <= given
    assert preset.title.zh
    assert preset.title.en


@pytest.mark.parametrize("name", presets())
def test_values_become_codes(name: str) -> None:
    from crmlab.data.schemas import columns

    for table, layout in named(name).tables.items():
        codes = {column.name: column.codes for column in columns(table)}
        for column, values in layout.values.items():
            if set(values.values()) == {""}:
                continue  # what stands for nothing, such as the account 0 of guests
            assert codes[column]
            assert set(values.values()) <= set(codes[column])
        for column, flags in layout.flags.items():
            for flag in flags:
                assert {flag.value, flag.otherwise} <= {*codes[column], None}


@given(
    st.sampled_from(["Account Name.id", "Probability (%)", "客户名称", "Date/Time Opened"]),
    st.sampled_from(["", "*", " *", "："]),
    st.booleans(),
    st.booleans(),
)
def test_headers_vary(header: str, mark: str, underscores: bool, upper: bool) -> None:
    varied = header.replace(" ", "_") if underscores else header.replace(" ", "  ")
    varied = (varied.upper() if upper else varied) + mark
    assert plain(varied) == plain(header)
    assert plain(plain(varied)) == plain(varied)


def test_full_width_headers_are_plain_ones() -> None:
    assert plain("Ａｍｏｕｎｔ（元）") == plain("amount(元)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x", r"The preset x\.yaml is not valid: .*title"),
        ("name: x\nextra: 1", r"extra"),
        (
            "name: x\ntitle: {zh: a, en: b}\nrecognise: [{all: [A]}]\ntables: {ordes: {}}",
            r"no canonical table is named 'ordes' Did you mean 'orders'",
        ),
        (
            "name: x\ntitle: {zh: a,"
            " en: b}\nrecognise: [{all: [A]}]\ntables: {orders: {columns: {amout: [A]}}}",
            r"the table 'orders' has no column amout",
        ),
        ("name: x\ntitle: {zh: a, en: b}\nrecognise: [{all: [A]}]", r"either tables or a survey"),
        (
            "name: y\ntitle: {zh: a, en: b}\nrecognise: [{all: [A]}]\ntables: {orders: {}}",
            r"calls itself 'y'; name both alike",
        ),
        ("name: [", r"The preset x\.yaml is not valid"),
    ],
)
def test_mistakes_in_a_preset(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError, match=f"(?s){message}"):
        read(path)


def test_the_guide(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "intake.md").read_text(encoding="utf-8")
    assert [name for name in presets() if f"`{name}`" not in guide] == []
    assert [name for name in Layout.model_fields if name not in guide] == []
    blocks = [block.partition("```")[0] for block in guide.split("```yaml\n")[1:]]
    (own,) = [block for block in blocks if block.startswith("name:")]
    path = tmp_path / "our-erp.yaml"
    path.write_text(own, encoding="utf-8")
    assert read(path).provides == ("orders",)
    (study,) = [yaml.safe_load(block) for block in blocks if block.startswith("data:")]
    assert Files.from_params({"files": study["data"][0]["files"]}).provides == (
        "orders",
        "order_lines",
        "feedback",
    )


def test_a_preset_that_is_not_there() -> None:
    with pytest.raises(ParamsError, match=r"No preset is named 'zoho-deal'\. Did you mean 'zoho-deals'\?"):
        named("zoho-deal")
    assert isinstance(named("wjx"), Preset)
    with pytest.raises(ParamsError, match=r"The preset nowhere/our\.yaml cannot be read: No such file"):
        named("nowhere/our.yaml")
