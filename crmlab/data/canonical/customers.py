"""Who the customers are: the customers themselves, and which records are one of them."""
# ruff: noqa: N805  # dataframely makes rules class methods

import dataframely as dy
import polars as pl

from crmlab.data.canonical.columns import SHARE, Table, is_plausible, moment, named


class Customers(Table):
    """One row per customer; further columns of the source are kept as they are."""

    customer_id = dy.String(
        nullable=False,
        metadata=named(
            "客户编号", "Customer ID", "客户ID", "编号", "会员号", "会员编号", "会员ID", sensitivity="code"
        ),
    )
    registered_on = dy.Date(
        nullable=True,
        metadata=named(
            "登记日期", "Registered on", "注册日期", "注册时间", "创建时间", "入会日期", "Created Time"
        ),
    )
    updated_at = moment(
        metadata=named(
            "最后修改时间", "Updated at", "更新时间", "最近更新", "Modified Time", "LastModifiedDate"
        )
    )
    grade = dy.String(
        nullable=True, metadata=named("客户等级", "Grade", "客户级别", "会员等级", "Rating", "等级")
    )
    status = dy.String(nullable=True, metadata=named("客户状态", "Status", "成交状态", "Customer status"))
    customer_type = dy.String(
        nullable=True, metadata=named("客户类型", "Customer type", "客户分类", "Account Type")
    )
    source = dy.String(nullable=True, metadata=named("客户来源", "Source", "来源", "Lead Source", "渠道来源"))
    owner = dy.String(
        nullable=True, metadata=named("负责人", "Owner", "客户经理", "跟进人", sensitivity="personal")
    )
    name = dy.String(
        nullable=True,
        metadata=named("姓名", "Name", "客户姓名", "客户名称", "联系人", "Full Name", sensitivity="personal"),
    )
    gender = dy.String(nullable=True, metadata=named("性别", "Gender", "Sex"))
    birth_date = dy.Date(
        nullable=True,
        metadata=named(
            "出生年月日",
            "Birth date",
            "出生日期",
            "生日",
            "Date of Birth",
            "Birthdate",
            sensitivity="personal",
        ),
    )
    zodiac = dy.String(nullable=True, metadata=named("属相", "Zodiac animal", "生肖"))
    native_place = dy.String(nullable=True, metadata=named("籍贯", "Native place", sensitivity="sensitive"))
    education = dy.String(nullable=True, metadata=named("教育程度", "Education", "学历", "文化程度"))
    identity_number = dy.String(
        nullable=True,
        metadata=named(
            "身份证号", "Identity number", "身份证", "身份证号码", "证件号码", sensitivity="sensitive"
        ),
    )
    mobile = dy.String(
        nullable=True,
        metadata=named(
            "手机", "Mobile", "手机号", "手机号码", "移动电话", "MobilePhone", sensitivity="personal"
        ),
    )
    phone = dy.String(
        nullable=True,
        metadata=named("电话", "Phone", "固定电话", "座机", "联系电话", "联系方式", sensitivity="personal"),
    )
    fax = dy.String(nullable=True, metadata=named("传真", "Fax", sensitivity="personal"))
    email = dy.String(
        nullable=True,
        metadata=named(
            "电子邮件", "Email", "邮箱", "电子邮箱", "邮件", "E-mail", "Email Address", sensitivity="personal"
        ),
    )
    wechat = dy.String(
        nullable=True,
        metadata=named(
            "微信号", "WeChat", "微信", "社交媒体账户", "Social media account", sensitivity="personal"
        ),
    )
    website = dy.String(nullable=True, metadata=named("网址", "Website", "网站"))
    country = dy.String(nullable=True, metadata=named("国家", "Country", "Mailing Country"))
    province = dy.String(
        nullable=True, metadata=named("省", "Province", "省份", "省/直辖市", "State", "Mailing State")
    )
    city = dy.String(nullable=True, metadata=named("市", "City", "城市", "Mailing City"))
    district = dy.String(nullable=True, metadata=named("区", "District", "区县"))
    home_address = dy.String(
        nullable=True,
        metadata=named(
            *("住址", "Home address", "地址", "详细地址", "家庭住址", "居住地址"),
            *("Address", "Street", "Mailing Street"),
            sensitivity="personal",
        ),
    )  # fmt: skip
    postcode = dy.String(
        nullable=True, metadata=named("邮编", "Postcode", "邮政编码", "Zip Code", "Mailing Zip", "PostalCode")
    )
    company = dy.String(
        nullable=True, metadata=named("公司名称", "Company", "单位名称", "所属客户", "Account Name")
    )
    credit_code = dy.String(
        nullable=True,
        metadata=named("统一社会信用代码", "Unified social credit code", "信用代码", "Credit code"),
    )
    company_founded_on = dy.Date(nullable=True, metadata=named("成立日期", "Company founded on"))
    company_address = dy.String(nullable=True, metadata=named("公司地址", "Company address", "单位地址"))
    industry = dy.String(nullable=True, metadata=named("行业", "Industry", "1级行业", "所属行业"))
    contract_started_on = dy.Date(
        nullable=True,
        metadata=named(
            "合同开始日期", "Contract started on", "签约日期", "订阅开始日期", "Subscription Start"
        ),
    )
    contract_ended_on = dy.Date(
        nullable=True,
        metadata=named("合同终止日期", "Contract ended on", "解约日期", "退订日期", "Subscription End"),
    )
    deal_stage = dy.String(
        nullable=True,
        metadata=named("购买阶段", "Buying stage", "销售阶段", "商机阶段", "商机状态", "Deal Stage", "Stage"),
    )
    referrer_id = dy.String(
        nullable=True,
        metadata=named("推荐人编号", "Referrer ID", "推荐人", "介绍人", "邀请人", sensitivity="code"),
    )
    job_title = dy.String(nullable=True, metadata=named("职务", "Job title", "职位", "Title", "Designation"))
    interests = dy.String(nullable=True, metadata=named("兴趣爱好", "Interests", "偏好和兴趣", "爱好"))
    favourite_sport = dy.String(nullable=True, metadata=named("最喜欢的运动", "Favourite sport"))
    admired_person = dy.String(nullable=True, metadata=named("最崇拜的名人", "Most admired person"))
    favourite_activity = dy.String(nullable=True, metadata=named("最喜欢做的事", "Favourite activity"))
    favourite_book = dy.String(nullable=True, metadata=named("最喜欢读的书", "Favourite book"))
    smokes = dy.Bool(
        nullable=True, metadata=named("是否有吸烟", "Smokes", "是否吸烟", "吸烟", sensitivity="sensitive")
    )
    drinks = dy.Bool(
        nullable=True, metadata=named("是否有饮酒", "Drinks", "是否饮酒", "饮酒", sensitivity="sensitive")
    )
    religion = dy.String(nullable=True, metadata=named("宗教信仰", "Religion", sensitivity="sensitive"))
    motto = dy.String(nullable=True, metadata=named("座右铭", "Motto", sensitivity="free_text"))
    life_goal_short = dy.String(
        nullable=True,
        metadata=named("短期人生目标", "Short-term life goal", "人生目标（短期）", sensitivity="free_text"),
    )
    life_goal_long = dy.String(
        nullable=True,
        metadata=named("长期人生目标", "Long-term life goal", "人生目标（长期）", sensitivity="free_text"),
    )
    proudest_achievement = dy.String(
        nullable=True, metadata=named("最得意的成就", "Proudest achievement", sensitivity="free_text")
    )
    main_concern = dy.String(
        nullable=True, metadata=named("最关切的问题", "Main concern", sensitivity="free_text")
    )
    urgent_problem = dy.String(
        nullable=True, metadata=named("急需解决的问题", "Problem to solve urgently", sensitivity="free_text")
    )
    life_remark = dy.String(
        nullable=True,
        metadata=named("其他（人生旅途）", "Remark on the life journey", sensitivity="free_text"),
    )
    marketing_consent = dy.Bool(
        nullable=True, metadata=named("同意营销", "Marketing consent", "营销授权", "是否同意营销")
    )
    last_contact_at = moment(
        metadata=named(
            "最后跟进时间", "Last contact at", "最近联系时间", "Last Activity Time", "LastActivityDate"
        )
    )
    remark = dy.String(
        nullable=True,
        metadata=named("备注", "Remark", "其他", "Description", "说明", sensitivity="free_text"),
    )

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No customer appears twice."""
        return pl.col("customer_id").is_unique()


class Identities(Table):
    """One row per record of a source that is known to belong to a customer."""

    record_id = dy.String(nullable=False, metadata=named("记录编号", "Record ID", sensitivity="code"))
    source = dy.String(nullable=True, metadata=named("来源", "Source", "来源系统"))
    customer_id = dy.String(
        nullable=False, metadata=named("客户编号", "Customer ID", "客户ID", "会员号", sensitivity="code")
    )
    key_kind = dy.String(nullable=True, metadata=named("标识类型", "Kind of key"))
    key_value = dy.String(nullable=True, metadata=named("标识", "Key", sensitivity="personal"))
    score = dy.Float64(nullable=True, metadata=named("匹配得分", "Match score", unit=SHARE))
    since = dy.Date(nullable=True, metadata=named("起始日期", "Since"))

    @dy.rule()
    def share(cls) -> pl.Expr:
        """A score is a share."""
        return pl.col("score").is_null() | pl.col("score").is_between(0, 1)

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No record is older than trade by computer."""
        return pl.col("since").is_null() | is_plausible(pl.col("since"))
