"""Everything a user may set: one study, one YAML file, checked before anything runs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from crmlab.complaints.settings import ComplaintParams
from crmlab.data.conditions import Selection
from crmlab.data.policy import Policy
from crmlab.data.quality.thresholds import QualityParams, QualityRuleParams
from crmlab.documents import Document, parse
from crmlab.errors import CrmlabError, ParamsError, did_you_mean
from crmlab.improvement.settings import ImprovementParams
from crmlab.labels import Text
from crmlab.notify.settings import Channels, channel_fields
from crmlab.registry import (
    Registry,
    annotators,
    classifiers,
    engines,
    features,
    load_folder,
    models,
    sources,
)
from crmlab.relative_days import RELATIVE_DAYS, with_fixed_days
from crmlab.report.settings import Axis, KeepParams, Matrix
from crmlab.report.settings import problems as matrix_problems
from crmlab.storage.settings import (
    PublishAddress,
    Storage,
    StorageParams,
    storage_names,
    storage_problems,
    with_storage,
)
from crmlab.surveys.settings import SurveyParams
from crmlab.validation import Where, problems_of
from crmlab.yaml_file import text_of

_LONGEST = 64
_SLUG = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{_LONGEST - 1}}}")
_RESERVED = {"con", "prn", "aux", "nul", "index"}


Problems = list[tuple[Where, str]]
"""Where something is wrong, and what."""


@cache
def _time_zones() -> set[str]:
    return available_timezones() - {"Factory", "localtime"}


def _as_slug(value: str) -> str:
    if not _SLUG.fullmatch(value) or value in _RESERVED:
        raise ValueError(
            "it names a folder or file, so it has 1 to 64 of a–z, 0–9, - and _, begins with a letter or "
            f"digit, and is none of {', '.join(sorted(_RESERVED))}; for example {_slug(value)!r}"
        )
    return value


def _as_day(value: object) -> object:
    """Take dates as people write them; a number would be read as seconds since 1970."""
    if isinstance(value, str) and re.fullmatch(r"(?:19|20|21)\d\d-\d\d-\d\d", value):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("write a day as YYYY-MM-DD, for example 2024-06-30")


def _as_day_looked_from(value: object) -> object:
    try:
        return _as_day(value)
    except ValueError as error:
        raise ValueError(f"{error}, or one of {', '.join(RELATIVE_DAYS)}") from None


def _as_moment(value: object) -> object:
    """Take a moment with its time zone; without one, it would be another on every machine."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value
    raise ValueError("write a moment with its time zone, for example 2024-07-01T02:00:00+08:00")


Slug = Annotated[str, AfterValidator(_as_slug)]
Day = Annotated[date, BeforeValidator(_as_day)]
DayLookedFrom = Annotated[
    date,
    BeforeValidator(_as_day_looked_from),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"enum": list(RELATIVE_DAYS)}]}),
]
Moment = Annotated[datetime, BeforeValidator(_as_moment)]
PluginParams = dict[str, dict[str, Any]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class SourceParams(BaseModel):
    """One source of data: the name of a source plugin and its parameters."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    source: str
    """Name of a source plugin; `crmlab plugins` lists them."""

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the plugin."""
        return dict(self.model_extra or {})


class TitleParams(_Strict):
    """The title of the study in both languages."""

    zh: str = Field(max_length=60)
    en: str = Field(max_length=80)


class PrivacyParams(_Strict):
    """What of a customer a shared page may show."""

    ids: Literal["masked", "plain"] = "masked"
    """Customer ids: as keyed codes, or as they are. 客户编号：掩码或原样。"""
    quotes: Literal["masked", "plain", "none"] = "masked"
    """Quotes from feedback: contacts masked, as they are, or none. 原话：掩码、原样或不显示。"""
    smallest_group: int = Field(default=5, ge=1)
    """Groups of fewer are shown together or not at all; 1: off. 少于该人数的组合并或不显示，1 为关闭。"""
    sensitive_features: tuple[str, ...] = ()
    """Sensitive columns that plugins may use all the same. 允许入模的敏感个人信息列（默认无）。"""

    @field_validator("sensitive_features")
    @classmethod
    def _sensitive(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value:
            from crmlab.data.schemas import columns

            known = [column.name for column in columns("customers") if column.sensitivity == "sensitive"]
            for name in value:
                if name not in known:
                    hint = did_you_mean(name, known)
                    raise ValueError(f"{name!r} is no sensitive column.{hint} These are: {', '.join(known)}")
        return value


class Study(_Strict):
    """One study: the data, the day, the plugins' parameters, the reports."""

    study: Slug = "study"
    """Name of the study and of its folder of runs: a–z, 0–9, - and _. 研究名称，也是结果文件夹名。"""
    title: TitleParams | None = None
    """Title on the page, in both languages. 报告标题（中英文）。"""
    data: list[SourceParams] = Field(min_length=1)
    """Where the tables come from. 数据来源。"""
    where: Selection = {}
    """Part of the data: `customers.province: 浙江`, or a list of values. 只看部分数据：表.列: 值或列表。"""
    as_of: DayLookedFrom
    """The day the study looks from; nothing later is used. Also relative, such as `yesterday`.
    观察日，之后的数据一律不用；也可写相对日期，如 yesterday。"""
    compare_as_of: Day | None = None
    """An earlier day to compare with, by replaying history. 用于对比的更早观察日。"""
    timezone: str = "Asia/Shanghai"
    """IANA name of the time zone that days are counted in. 时区。"""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    """ISO 4217 code of all amounts. 币种。"""
    language: Literal["zh", "en"] = "zh"
    """Language of the report. 报告语言。"""
    privacy: PrivacyParams = PrivacyParams()
    """What a shared page may show. 隐私设置。"""
    policy: Policy = Policy()
    """What counts as a sale: refunds, cancellations, zero amounts. 订单口径：退款、取消、零金额。"""
    quality: QualityParams = QualityParams()
    """When a run stops because of bad data. 数据质量门槛。"""
    surveys: SurveyParams = SurveyParams()
    """How answers are weighted and judged. 问卷口径。"""
    complaints: ComplaintParams = ComplaintParams()
    """Business hours and promised times. 投诉处理的工作时间与承诺时限。"""
    improvement: ImprovementParams = ImprovementParams()
    """How the effect of a measure is judged. 改进效果的评估口径。"""
    classifiers: PluginParams = {}
    """Parameters of classifiers, by name. 分类方法的参数。"""
    annotators: PluginParams = {}
    """Parameters of annotators, by name. 文本标注方法的参数。"""
    models: PluginParams = {}
    """Parameters of models, by name. 模型的参数。"""
    features: PluginParams = {}
    """Parameters of features, by name. 特征的参数。"""
    engine: str = "polars"
    """Where features are computed: `polars`, `duckdb` or `spark`. 特征的计算引擎。"""
    engines: PluginParams = {}
    """Parameters of engines, by name. 计算引擎的参数。"""
    schemes: tuple[str, ...] = ("rfm", "abc", "status")
    """Classifiers that the segmentation report shows, the leading one first. 分类方案，主方案在前。"""
    playbook: str | None = None
    """YAML with what to do for each class; ours unless given. 各类客户的策略表（YAML）。"""
    baseline: str | None = None
    """Run whose cut-points are used again: its folder, or `latest`. 沿用其切分点的历史运行，或 latest。"""
    recalculate: Literal["never", "if_needed", "always"] = "if_needed"
    """When cut-points are learned anew in spite of a baseline. 有基线时何时重新学习切分点。"""
    plugin_folder: str | None = None
    """Folder with plugin files (.py) of this study. 本研究自带插件的目录。"""
    reports: dict[Slug, dict[str, Any] | None] = {"segmentation": None, "feedback": None}
    """Reports to run; below each, what is different for it. 要生成的报告及其单独设置。"""
    cell_timeout: int = Field(default=600, ge=1, le=604_800)
    """Seconds that one notebook cell may take. 单个单元格的时限（秒）。"""
    matrix: Matrix = {}
    """Run once per combination: name → values or a column. 按取值组合批量运行：名称 → 取值列表或列。"""
    keep: KeepParams | None = None
    """Which runs stay when older ones are removed; all unless given. 旧结果的保留规则，不设则全部保留。"""
    due: Moment | None = None
    """The moment that the run stands for, from which a relative `as_of` counts; a schedule sets it.
    本次运行对应的时刻，相对日期由此推算；由定时任务填写。"""
    notify: Channels = ()
    """Who is told how a run ended: 企业微信, 钉钉, 飞书, Slack, e-mail. 运行结束后通知谁。"""
    storage: Storage = StorageParams()
    """How S3, Google Cloud Storage, Azure and WebDAV are reached. 对象存储与 WebDAV 的访问方式。"""
    publish: PublishAddress | None = None
    """Address that finished runs are copied to: `s3://bucket/reports`. 运行结束后上传到的地址。"""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        known = _time_zones()
        if value not in known:
            hint = did_you_mean(value, known)
            raise ValueError(f"no time zone of that name.{hint} Use an IANA name such as Asia/Shanghai")
        return value

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        if value not in engines:
            hint = did_you_mean(value, engines)
            raise ValueError(f"no engine is named {value!r}.{hint} There are: {', '.join(engines)}")
        return value

    @field_validator("schemes")
    @classmethod
    def _known_schemes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one classifier, for example [rfm]")
        for name in value:
            if name not in classifiers:
                hint = did_you_mean(name, classifiers)
                raise ValueError(f"no classifier is named {name!r}.{hint} `crmlab schemes` lists them")
        if len(set(value)) < len(value):
            raise ValueError("a classifier is named twice")
        return value

    @field_validator("compare_as_of")
    @classmethod
    def _earlier_than_as_of(cls, value: date | None, info: ValidationInfo) -> date | None:
        as_of = info.data.get("as_of")
        if value is not None and as_of is not None and value >= as_of:
            raise ValueError(f"it must be before as_of ({as_of})")
        return value

    @field_validator("matrix")
    @classmethod
    def _known_settings(cls, value: Matrix) -> Matrix:
        allowed = [name for name in cls.model_fields if name not in (*_SAME_FOR_ALL, "where", "title")]
        for name, setting in matrix_problems(value, ["reports", *allowed]).items():
            hint = did_you_mean(setting, allowed)
            raise ValueError(
                f"{name}: {setting!r} is no setting that can differ between cells.{hint} Give the axis "
                f"`month`, a table.column, or one of {', '.join(allowed)}"
            )
        return value

    @property
    def heading(self) -> Text:
        """The title, contacts in it masked, or the name of the study where there is none."""
        if not self.title:
            return Text(self.study, self.study)
        import polars as pl

        from crmlab.data.privacy import mask_text

        return Text(*mask_text(pl.Series([self.title.zh, self.title.en])))

    @property
    def earlier(self) -> date:
        """The day to compare with: ``compare_as_of``, or 90 days before ``as_of``."""
        return self.compare_as_of or self.as_of - timedelta(days=90)

    def settings(self) -> dict[str, Any]:
        """Return the study as JSON values, as a notebook's parameters cell holds them."""
        return self.model_dump(mode="json")

    def for_report(self, name: str) -> Study:
        """Return the study with what is different for one report applied, and with that report alone.

        What the others change goes with the study itself, not with the changes of this one.
        """
        changes = _of_the_study(self.reports.get(name))
        alone = {**self.settings(), "reports": {name: self.reports.get(name)}}
        return check(with_storage(_merged(alone, changes))) if changes else self


RUN_FIELDS = ("matrix", "keep", "due", "notify", "storage", "publish")
"""What is about running a study and not about its results; no notebook is given it."""
STUDY_FIELDS = tuple(name for name in Study.model_fields if name not in RUN_FIELDS)


def read_study(
    path: Path, overrides: Sequence[str] = (), language: str | None = None
) -> tuple[Study, list[str]]:
    """Read and check a study; return it, and warnings about plugin files that did not load.

    ``overrides`` are ``key=value`` with dotted keys, as given by ``--set``. Raises ParamsError with
    every problem, its file and line.
    """
    document = parse(text_of(path), str(path))
    if not isinstance(document.value, dict):
        given = "nothing" if document.value is None else type(document.value).__name__
        raise ParamsError(f"{path}:1: a study is a mapping of names to values; given: {given}.")
    document.value.setdefault("study", _slug(path.stem))
    for item in overrides:
        document.set(item)
    if language:
        document.set(f"language={language}")
    return prepare(document.value, path.parent, document)


def prepare(
    values: Mapping[str, Any], folder: Path, document: Document | None = None
) -> tuple[Study, list[str]]:
    """Load the study's own plugins, then check it; return it, and what of the plugins did not load.

    ``plugin_folder`` is relative to ``folder``. A relative ``as_of`` is replaced by its day. Raises
    ParamsError like :func:`check`.
    """
    values = with_storage(with_fixed_days(values))
    playbook = values.get("playbook")
    if isinstance(playbook, str):
        from crmlab.playbook import Playbook

        Playbook.read(folder / playbook)
    name = values.get("plugin_folder")
    if not isinstance(name, str):
        return check(values, document), []
    if not (folder / name).is_dir():
        line = f"plugin_folder: there is no folder {name!r}; it is looked for beside the study's YAML file."
        return check(values, document, [(("plugin_folder",), line)]), []
    broken = [str(error) for error in load_folder(folder / name)]
    try:
        return check(values, document), broken
    except ParamsError as error:
        if not broken:
            raise
        # A name is unknown, more often than not, because its file did not load.
        raise ParamsError("\n".join([str(error), *broken]), error.problems) from None


def check(
    values: Mapping[str, Any], document: Document | None = None, known: Problems | None = None
) -> Study:
    """Check plain values against :class:`Study` and the plugins they name, for every report.

    Raises ParamsError that lists every problem, with file and line where a document is given;
    ``known`` are problems found before.
    """
    study, problems = _checked(values)
    problems = [*(known or []), *problems, *_report_problems(values, problems)]
    if study is None or problems:
        lines = [f"{document.place(where) if document else ''}{line}" for where, line in problems]
        lines = [line.replace("\n", "\\n") for line in lines]  # a name may hold anything
        count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
        raise ParamsError(
            f"The study is not valid, {count}:\n" + "\n".join(f"  {line}" for line in lines), problems
        )
    return study


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a study, for editors."""
    schema = Study.model_json_schema()
    schema["title"] = "crmlab study"
    for name, registry in _REGISTRIES.items():
        schema["properties"][name]["propertyNames"] = {"enum": list(registry)}
    schema["$defs"]["SourceParams"]["properties"]["source"]["enum"] = list(sources)
    schema["properties"]["engine"]["enum"] = list(engines)
    return schema


_REGISTRIES: dict[str, Registry[Any]] = {
    "classifiers": classifiers,
    "annotators": annotators,
    "models": models,
    "features": features,
    "engines": engines,
}
_SAME_FOR_ALL = ("study", "reports", "plugin_folder", *RUN_FIELDS)
"""What cannot differ between the reports of a study."""


def _allowed(where: Where) -> tuple[str, ...]:
    """Return the names that may stand where an unknown one was found."""
    groups: dict[Where, type[BaseModel]] = {
        ("privacy",): PrivacyParams,
        ("quality",): QualityParams,
        ("policy",): Policy,
        ("title",): TitleParams,
        ("surveys",): SurveyParams,
        ("complaints",): ComplaintParams,
        ("improvement",): ImprovementParams,
        ("keep",): KeepParams,
    }
    if where[:1] == ("matrix",) and len(where) == 3:
        return tuple(Axis.model_fields)
    if where[:2] == ("quality", "rules") and len(where) == 4:
        return tuple(QualityRuleParams.model_fields)
    if where[:1] == ("storage",):
        return storage_names(where[1:-1])
    if where[:1] == ("notify",) and len(where) == 4:
        return channel_fields(str(where[2]))
    return tuple((groups.get(where[:-1]) or Study).model_fields)


def _checked(values: Mapping[str, Any]) -> tuple[Study | None, Problems]:
    """Check the values by themselves, without what differs between reports."""
    try:
        return Study.model_validate(dict(values)), _plugin_problems(values)
    except ValidationError as error:
        return None, [*problems_of(error, _allowed), *_plugin_problems(values)]


def _plugin_problems(values: Mapping[str, Any]) -> Problems:
    """Build every plugin that the values name, and collect what is wrong."""
    named: list[tuple[Where, Registry[Any], str, Mapping[str, Any]]] = []
    problems: Problems = []
    data = values.get("data")
    for place, spec in enumerate(data if isinstance(data, list) else []):
        if isinstance(spec, dict) and isinstance(spec.get("source"), str):
            rest = {key: value for key, value in spec.items() if key != "source"}
            if wrong := storage_problems(rest.get("storage"), ("data", place, "storage")):
                problems += wrong
                continue
            named.append((("data", place), sources, spec["source"], rest))
    for kind, plugins in _REGISTRIES.items():
        chosen = values.get(kind)
        for name, given in chosen.items() if isinstance(chosen, dict) else ():
            named.append(((kind, name), plugins, name, given if isinstance(given, dict) else {}))
    for where, plugins, name, params in named:
        path = ".".join(map(str, where))
        try:
            plugins[name].from_params(params)
        except CrmlabError as error:
            found = getattr(error, "problems", ()) or [((), str(error))]
            problems += [
                ((*where, *inner), f"{path}.{line}" if inner else f"{path}: {line}") for inner, line in found
            ]
    return problems


def _report_problems(values: Mapping[str, Any], known: Problems) -> Problems:
    """Check the study as each report sees it; return what is not wrong with the study itself."""
    reports = values.get("reports")
    problems: Problems = []
    for name, changes in reports.items() if isinstance(reports, dict) else ():
        path = f"reports.{name}"
        for key in changes if isinstance(changes, dict) else ():
            if key in _SAME_FOR_ALL:
                problems.append((("reports", name, key), f"{path}.{key}: cannot differ between reports."))
        if own := _of_the_study(changes):
            _, found = _checked(_merged(values, own))
            new = [problem for problem in found if problem not in known]
            problems += [(("reports", name, *where), f"{path}.{line}") for where, line in new]
    return problems


def _of_the_study(changes: object) -> dict[str, Any]:
    """Return what a report sets of the study; the rest is for its notebook."""
    if not isinstance(changes, dict):
        return {}
    return {key: value for key, value in changes.items() if key in STUDY_FIELDS and key not in _SAME_FOR_ALL}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``, which go into mappings and replace everything else."""
    both = {
        key: _merged(base[key], value)
        for key, value in changes.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    return {**base, **changes, **both}


def _slug(stem: str) -> str:
    """Return the nearest name that a folder may have."""
    slug = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")[:_LONGEST].rstrip("-_")
    return f"{slug or 'my'}-study" if slug in _RESERVED or not slug else slug
