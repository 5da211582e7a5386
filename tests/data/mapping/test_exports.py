"""Every documented header of every export, and the canonical column that it becomes, checked by hand."""

from __future__ import annotations

import pytest

from crmlab.data.mapping.matching import map_table
from crmlab.data.presets import presets, recognised

# Preset, table, column=header of what is mapped (two parts of a name with a plus), and what is not.
EXPORTS = [
    (
        "zoho-contacts",
        "customers",
        "customer_id=Record Id;owner=Contact Owner;source=Lead Source;"
        "name=Last Name + First Name;company=Account Name;email=Email;job_title=Title;"
        "phone=Phone;mobile=Mobile;fax=Fax;birth_date=Date of Birth;"
        "home_address=Mailing Street;city=Mailing City;province=Mailing State;"
        "postcode=Mailing Zip;country=Mailing Country;registered_on=Created Time;"
        "updated_at=Modified Time;last_contact_at=Last Activity Time;remark=Description",
        "Contact Owner.id;Account Name.id;Vendor Name.id;Vendor Name;Secondary Email;"
        "Department;Home Phone;Other Phone;Assistant;Asst Phone;Reporting To.id;Reporting To;"
        "Email Opt Out;Salutation;Skype ID;Twitter;Other Street;Created By.id;Created By;"
        "Modified By.id;Modified By;Contact Name;Tag;Unsubscribed Mode;Unsubscribed Time;"
        "Change Log Time;Locked",
    ),
    (
        "zoho-leads",
        "customers",
        "customer_id=Record Id;owner=Lead Owner;name=Last Name + First Name;company=Company;"
        "job_title=Title;source=Lead Source;industry=Industry;phone=Phone;mobile=Mobile;"
        "fax=Fax;email=Email;website=Website;status=Lead Status;grade=Rating;"
        "registered_on=Created Time;updated_at=Modified Time;home_address=Street;city=City;"
        "province=State;postcode=Zip Code;country=Country;remark=Description;"
        "last_contact_at=Last Activity Time",
        "Lead Owner.id;Salutation;Annual Revenue;Secondary Email;No. of Employees;"
        "Email Opt-out;Created By;Modified By;Tag",
    ),
    (
        "zoho-accounts",
        "customers",
        "customer_id=Record Id;owner=Account Owner;name=Account Name;company=Account Name;"
        "customer_type=Account Type;industry=Industry;grade=Rating;phone=Phone;fax=Fax;"
        "website=Website;company_address=Billing Street;city=Billing City;"
        "province=Billing State;postcode=Billing Code;country=Billing Country;"
        "registered_on=Created Time;updated_at=Modified Time;"
        "last_contact_at=Last Activity Time;remark=Description",
        "Account Owner.id;Account Site;Parent Account.id;Parent Account;Account Number;"
        "Annual Revenue;Ticker Symbol;Ownership;Employees;SIC Code;Shipping Street;"
        "Shipping City;Shipping State;Shipping Code;Shipping Country;Created By;Modified By;"
        "Tag",
    ),
    (
        "zoho-deals",
        "orders",
        "order_id=Record Id;product=Deal Name;customer_id=Account Name.id;"
        "campaign_id=Campaign Source.id;amount=Amount;ordered_at=Closing Date;status=Stage;"
        "remark=Description",
        "Deal Owner.id;Deal Owner;Account Name;Contact Name.id;Contact Name;Type;Lead Source;"
        "Campaign Source;Next Step;Probability (%);Expected Revenue;Pipeline;Reason For Loss;"
        "Created By;Modified By;Created Time;Modified Time;Last Activity Time",
    ),
    (
        "zoho-cases",
        "complaints",
        "complaint_id=Case Number;owner=Case Owner;stage=Status;severity=Priority;"
        "channel=Case Origin;category=Case Reason;product=Product Name;"
        "customer_id=Account Name;text=Description;solution=Solution;opened_at=Created Time",
        "Type;Subject;Deal Name;Related To;Reported By;Email;Phone;Internal Comments;"
        "Add Comment;No. of comments;Modified Time",
    ),
    (
        "salesforce-account",
        "customers",
        "customer_id=Id;name=Name;company=Name;customer_type=Type;"
        "company_address=BillingStreet;city=BillingCity;province=BillingState;"
        "postcode=BillingPostalCode;country=BillingCountry;phone=Phone;fax=Fax;"
        "website=Website;industry=Industry;remark=Description;grade=Rating;owner=OwnerId;"
        "registered_on=CreatedDate;updated_at=LastModifiedDate;"
        "last_contact_at=LastActivityDate;source=AccountSource",
        "ParentId;ShippingStreet;ShippingCity;Sic;AnnualRevenue;NumberOfEmployees;Ownership;"
        "TickerSymbol;Site",
    ),
    (
        "salesforce-account",
        "customers",
        "customer_id=Account ID;name=Account Name;company=Account Name;owner=Account Owner;"
        "customer_type=Account Type;company_address=Billing Street;city=Billing City;"
        "province=Billing State/Province;postcode=Billing Zip/Postal Code;"
        "country=Billing Country;phone=Phone;fax=Fax;website=Website;industry=Industry;"
        "grade=Account Rating;registered_on=Created Date;updated_at=Last Modified Date;"
        "last_contact_at=Last Activity",
        "Account Phone;Annual Revenue;Employees",
    ),
    (
        "salesforce-contact",
        "customers",
        "customer_id=Id;name=LastName + FirstName;home_address=MailingStreet;"
        "city=MailingCity;province=MailingState;postcode=MailingPostalCode;"
        "country=MailingCountry;phone=Phone;fax=Fax;mobile=MobilePhone;email=Email;"
        "job_title=Title;source=LeadSource;birth_date=Birthdate;remark=Description;"
        "owner=OwnerId;registered_on=CreatedDate;updated_at=LastModifiedDate;"
        "last_contact_at=LastActivityDate",
        "AccountId;Salutation;Name;OtherStreet;HomePhone;OtherPhone;AssistantPhone;"
        "AssistantName;ReportsToId;Department;HasOptedOutOfEmail;DoNotCall;"
        "EmailBouncedReason;EmailBouncedDate",
    ),
    (
        "salesforce-contact",
        "customers",
        "name=Last Name + First Name;job_title=Title;company=Account Name;"
        "owner=Contact Owner;customer_id=Contact ID;home_address=Mailing Street;"
        "city=Mailing City;province=Mailing State/Province;postcode=Mailing Zip/Postal Code;"
        "country=Mailing Country;phone=Phone;mobile=Mobile;email=Email;birth_date=Birthdate;"
        "source=Lead Source;registered_on=Created Date;updated_at=Last Modified Date;"
        "last_contact_at=Last Activity",
        "Salutation;Business Phone;Email Opt Out",
    ),
    (
        "salesforce-lead",
        "customers",
        "customer_id=Id;name=LastName + FirstName;job_title=Title;company=Company;"
        "home_address=Street;city=City;province=State;postcode=PostalCode;country=Country;"
        "phone=Phone;mobile=MobilePhone;fax=Fax;email=Email;website=Website;"
        "remark=Description;source=LeadSource;status=Status;industry=Industry;grade=Rating;"
        "owner=OwnerId;registered_on=CreatedDate",
        "Salutation;AnnualRevenue;NumberOfEmployees;IsConverted;ConvertedDate;ConvertedAccountId",
    ),
    (
        "salesforce-lead",
        "customers",
        "name=Last Name + First Name;job_title=Title;company=Company / Account;"
        "customer_id=Lead ID;owner=Lead Owner;status=Lead Status;source=Lead Source;"
        "email=Email;phone=Phone;mobile=Mobile;home_address=Street;city=City;"
        "province=State/Province;postcode=Zip/Postal Code;country=Country;grade=Rating;"
        "registered_on=Create Date;industry=Industry",
        "",
    ),
    (
        "salesforce-opportunity",
        "orders",
        "order_id=Id;customer_id=AccountId;product=Name;remark=Description;status=StageName;"
        "amount=Amount;ordered_at=CloseDate;campaign_id=CampaignId",
        "Probability;ExpectedRevenue;Type;NextStep;LeadSource;IsClosed;IsWon;"
        "ForecastCategory;ForecastCategoryName;ContactId;HasOpportunityLineItem;OwnerId;"
        "CreatedDate;LastModifiedDate;LastActivityDate;FiscalYear;FiscalQuarter;Fiscal",
    ),
    (
        "salesforce-opportunity",
        "orders",
        "customer_id=Account Name;product=Opportunity Name;status=Stage;amount=Amount;ordered_at=Close Date",
        "Opportunity Owner;Fiscal Period;Expected Revenue;Probability (%);Age;Created Date;"
        "Next Step;Lead Source;Opportunity Type;Type;Closed;Won",
    ),
    (
        "salesforce-case",
        "complaints",
        "complaint_id=CaseNumber;customer_id=AccountId;stage=Status;category=Reason;"
        "channel=Origin;severity=Priority;text=Description;closed_at=ClosedDate;"
        "escalated=IsEscalated;owner=OwnerId;opened_at=CreatedDate",
        "Id;ContactId;SuppliedName;SuppliedEmail;SuppliedPhone;SuppliedCompany;Type;Subject;"
        "IsClosed;LastModifiedDate;ContactEmail;ContactPhone;ContactMobile;ContactFax;"
        "Comments",
    ),
    (
        "salesforce-case",
        "complaints",
        "owner=Case Owner;opened_at=Date/Time Opened;customer_id=Account Name;"
        "complaint_id=Case Number;stage=Status;category=Case Reason;channel=Case Origin;"
        "severity=Priority;text=Description;closed_at=Date/Time Closed;escalated=Escalated",
        "Subject;Age (Hours);Open;Closed;Case ID;Case Type;Internal Comments",
    ),
    (
        "fxiaoke-customer",
        "customers",
        "customer_id=客户名称;name=客户名称;company=客户名称;grade=客户级别;"
        "customer_type=客户类型;source=来源;status=成交状态;industry=1级行业;country=国家;"
        "province=省;city=市;district=区;company_address=详细地址;phone=电话;email=邮件;"
        "fax=传真;website=网址;remark=备注;owner=负责人;last_contact_at=最后跟进时间;"
        "registered_on=创建时间;updated_at=最后修改时间",
        "客户编号;客户状态;2级行业;定位;负责人主属部门;归属部门;所属公海;最后一次成交时间;"
        "最后一次成交金额;客户资料完善度;锁定状态;业务类型;创建人;最后修改人",
    ),
    (
        "fxiaoke-customer",
        "customers",
        "customer_id=_id;name=name;company=name;grade=account_level;"
        "customer_type=account_type;source=account_source;status=deal_status;"
        "industry=industry_level1;country=country;province=province;city=city;"
        "district=district;company_address=address;phone=tel;email=email;owner=owner;"
        "last_contact_at=last_followed_time;registered_on=create_time;"
        "updated_at=last_modified_time;remark=remark",
        "account_no;account_status;high_seas_name;total_order_amount",
    ),
    (
        "fxiaoke-contact",
        "customers",
        "name=姓名;company=所属客户;job_title=职务;customer_id=手机;mobile=手机;phone=电话;"
        "email=邮箱;owner=负责人;registered_on=创建时间;updated_at=最后修改时间",
        "部门",
    ),
    (
        "fxiaoke-contact",
        "customers",
        "name=name;job_title=job_title;mobile=mobile;customer_id=mobile;"
        "phone=tel;email=email;registered_on=create_time;updated_at=last_modified_time",
        "account_id;department",
    ),
    (
        "fxiaoke-order",
        "orders",
        "order_id=销售订单编号;customer_id=客户名称;ordered_at=下单日期;amount=销售订单金额;"
        "status=订单状态;remark=备注",
        "商机;产品合计;整单折扣;退货单金额;已回款金额;已退款金额;已开票金额;待回款金额;"
        "收货人电话;收货地址;交货日期;提交时间;负责人;创建时间;最后修改时间",
    ),
    (
        "fxiaoke-order",
        "orders",
        "order_id=name;customer_id=account_id;ordered_at=order_time;amount=order_amount;status=order_status",
        "opportunity_id;product_amount;discount;returned_goods_amount;payment_amount;"
        "refund_amount;receivable_amount;ship_to_tel;ship_to_add;delivery_date;submit_time;"
        "owner;create_time",
    ),
    (
        "fxiaoke-record",
        "interactions",
        "customer_id=客户名称;channel=互动类型;kind=互动场景;text=内容;happened_at=创建时间;agent=负责人",
        "创建人",
    ),
    (
        "fxiaoke-record",
        "interactions",
        "customer_id=account_id;channel=interactive_types;kind=interactive_scenario;"
        "text=active_record_content;happened_at=create_time;interaction_id=name",
        "",
    ),
    (
        "fxiaoke-case",
        "complaints",
        "complaint_id=工单编号;customer_id=客户名称;owner=负责人;opened_at=创建时间;"
        "stage=工单状态;category=问题类型;text=问题记录;solution=解决方案;channel=需求来源;"
        "severity=优先级",
        "业务类型;问题归类;提报人",
    ),
    (
        "fxiaoke-case",
        "complaints",
        "complaint_id=name;customer_id=account_id;owner=owner;opened_at=create_time",
        "record_type;device_product_id",
    ),
    (
        "shopify-orders",
        "orders",
        "order_id=Name;customer_id=Email;status=Financial Status;currency=Currency;"
        "amount=Total;ordered_at=Created at;remark=Notes;payment_method=Payment Method;"
        "store=Location;channel=Source",
        "Paid at;Fulfillment Status;Fulfilled at;Accepts Marketing;Subtotal;Shipping;Taxes;"
        "Discount Code;Discount Amount;Shipping Method;Lineitem quantity;Lineitem name;"
        "Lineitem price;Lineitem compare at price;Lineitem sku;Lineitem requires shipping;"
        "Lineitem taxable;Lineitem fulfillment status;Billing Name;Billing Street;"
        "Billing City;Billing Zip;Billing Country;Billing Phone;Shipping Name;Shipping City;"
        "Note Attributes;Cancelled at;Payment Reference;Refunded Amount;Vendor;"
        "Outstanding Balance;Employee;Device ID;Id;Tags;Risk Level;Lineitem discount;"
        "Tax 1 Name;Phone",
    ),
    (
        "shopify-orders",
        "order_lines",
        "order_id=Name;customer_id=Email;status=Financial Status;currency=Currency;"
        "ordered_at=Created at;quantity=Lineitem quantity;product=Lineitem name;"
        "unit_price=Lineitem price;product_id=Lineitem sku;category=Vendor",
        "Paid at;Fulfillment Status;Fulfilled at;Accepts Marketing;Subtotal;Shipping;Taxes;"
        "Total;Discount Code;Discount Amount;Shipping Method;Lineitem compare at price;"
        "Lineitem requires shipping;Lineitem taxable;Lineitem fulfillment status;"
        "Billing Name;Billing Street;Billing City;Billing Zip;Billing Country;Billing Phone;"
        "Shipping Name;Shipping City;Notes;Note Attributes;Cancelled at;Payment Method;"
        "Payment Reference;Refunded Amount;Outstanding Balance;Employee;Location;Device ID;"
        "Id;Tags;Risk Level;Source;Lineitem discount;Tax 1 Name;Phone",
    ),
    (
        "woocommerce-orders",
        "orders",
        "order_id=order_number;ordered_at=order_date;status=status;amount=order_total;"
        "currency=order_currency;payment_method=payment_method_title;"
        "customer_id=billing_email;remark=customer_note",
        "order_id;paid_date;shipping_total;payment_method;customer_id;customer_user;"
        "customer_email;billing_first_name;billing_last_name;billing_phone;billing_address_1;"
        "billing_city;line_item_1;refund_total;order_subtotal;discount_total",
    ),
    (
        "woocommerce-orders",
        "orders",
        "order_id=Order Number;status=Order Status;ordered_at=Order Date;"
        "amount=Order Total Amount;customer_id=Customer User ID;currency=Order Currency",
        "",
    ),
]


@pytest.mark.parametrize(
    ("name", "table", "mapped", "unmapped"),
    EXPORTS,
    ids=[f"{place}-{export[0]}-{export[1]}" for place, export in enumerate(EXPORTS)],
)
@pytest.mark.parametrize("upper", [False, True])
def test_every_header(name: str, table: str, mapped: str, unmapped: str, upper: bool) -> None:
    pairs = [tuple(pair.split("=")) for pair in mapped.split(";")]
    given = [header for _, headers in pairs for header in headers.split(" + ")]
    headers = list(dict.fromkeys([*given, *(header for header in unmapped.split(";") if header)]))
    if upper:
        pairs = [(column, header.upper()) for column, header in pairs]
        headers = [header.upper() for header in headers]
    found = recognised(headers)
    assert found is not None
    assert found[0].name == name
    mapping = map_table(table, headers, found[0])
    assert {(match.column, match.header) for match in mapping.matches} == set(pairs)
    assert not mapping.conflicts
    assert {header.upper() for header in mapping.unmapped} == {
        header.upper() for header in unmapped.split(";") if header
    }


def test_every_preset_of_tables_is_here() -> None:
    tables = {(name, table) for name, preset in presets().items() for table in preset.tables}
    assert tables - {(name, table) for name, table, _, _ in EXPORTS} == {("order-lines", "order_lines")}
