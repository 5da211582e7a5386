"""A study: one YAML file, every problem at once with its line."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from crmlab.documents import parse
from crmlab.errors import ParamsError
from crmlab.params import Study, check, json_schema, prepare, read_study

DEMO = Path(__file__).resolve().parents[1] / "params" / "demo.yaml"
GOOD = """\
data:
  - source: files
    files: {orders: {path: orders.csv}}
as_of: 2024-06-30
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a study and return its path."""

    def write(text: str, name: str = "shop.yaml", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def _values(**changes: Any) -> dict[str, Any]:
    files = {"source": "files", "files": {"orders": {"path": "orders.csv"}}}
    return {"data": [files], "as_of": "2024-06-30", **changes}


def _problems(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ParamsError) as error:
        check(values)
    first, *lines = str(error.value).splitlines()
    assert first == f"The study is not valid, {len(lines)} problem{'s' * (len(lines) > 1)}:"
    return [line.strip() for line in lines]


def test_a_small_study(write: Any) -> None:
    study, warnings = read_study(write(GOOD))
    assert warnings == []
    assert study.study == "shop"
    assert study.as_of == date(2024, 6, 30)
    assert study.earlier == date(2024, 4, 1)
    assert study.heading == ("shop", "shop")
    assert study.data[0].params == {"files": {"orders": {"path": "orders.csv"}}}
    assert (study.timezone, study.currency, study.language) == ("Asia/Shanghai", "CNY", "zh")


def test_settings_are_json_and_give_the_same_study(write: Any) -> None:
    study, _ = read_study(write(GOOD + "title: {zh: 店铺, en: Shop}\ncompare_as_of: 2024-03-31\n"))
    again = check(json.loads(json.dumps(study.settings())))
    assert again == study
    assert set(study.settings()) == set(Study.model_fields)


def test_chinese_names_and_values_survive(write: Any) -> None:
    study, _ = read_study(write(GOOD + "title: {zh: 华东·“春季”研究, en: No}\n", "研究.yaml"))
    assert study.title is not None
    assert study.title.zh == "华东·“春季”研究"
    assert study.title.en == "No"
    assert study.study == "my-study"


@pytest.mark.parametrize(
    ("file", "name"),
    [("Q1 2024 Shop!.yaml", "q1-2024-shop"), ("con.yaml", "con-study"), (f"{'a' * 90}.yaml", "a" * 64)],
)
def test_the_file_names_the_study(write: Any, file: str, name: str) -> None:
    assert read_study(write(GOOD, file))[0].study == name


def test_a_byte_order_mark_is_no_part_of_the_study(write: Any) -> None:
    assert read_study(write(GOOD, encoding="utf-8-sig"))[0].as_of == date(2024, 6, 30)


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_other_encodings_are_named(write: Any, encoding: str) -> None:
    path = write("# 客户研究\n" + GOOD, encoding=encoding)
    with pytest.raises(ParamsError, match=r"shop\.yaml cannot be read: it is not in UTF-8\..*saved in UTF-8"):
        read_study(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"nothing\.yaml cannot be read: .*No such file.*params/demo\.yaml"):
        read_study(tmp_path / "nothing.yaml")
    with pytest.raises(ParamsError, match="cannot be read"):
        read_study(tmp_path)


@pytest.mark.parametrize(("text", "given"), [("", "nothing"), ("- a\n", "list"), ("hello\n", "str")])
def test_a_study_is_a_mapping(write: Any, text: str, given: str) -> None:
    with pytest.raises(ParamsError, match=rf"shop\.yaml:1: a study is a mapping .* given: {given}\."):
        read_study(write(text))


def test_every_problem_at_once_with_its_line(write: Any) -> None:
    path = write(
        """\
study: ../escape
data:
  - source: fils
  - source: files
    files:
      orders: {path: orders.csv}
      ordrs: {path: x.csv}
as_of: 30.06.2024
timezone: Asia/Shangai
curency: CNY
language: de
privacy:
  ids: mask
  smalest_group: 3
quality: {max_rejected_share: 20}
classifiers:
  rmf: {}
  status: {methd: own_gap}
reports:
  segmentation:
    study: other
    quality: {max_rejected_share: no}
"""
    )
    with pytest.raises(ParamsError) as error:
        read_study(path)
    first, *lines = str(error.value).splitlines()
    assert first == "The study is not valid, 14 problems:"
    expected = [
        (1, "study: it names a folder or file", "for example 'escape'"),
        (8, "as_of: write a day as YYYY-MM-DD", "given: '30.06.2024'"),
        (9, "timezone: no time zone of that name.", "Did you mean 'Asia/Shanghai'?"),
        (11, "language: Input should be 'zh' or 'en'", "given: 'de'"),
        (13, "privacy.ids: Input should be 'masked' or 'plain'", "given: 'mask'"),
        (14, "privacy.smalest_group: unknown name.", "Did you mean 'smallest_group'?"),
        (15, "quality.max_rejected_share: Input should be less than or equal to 1", "given: 20"),
        (10, "curency: unknown name.", "Did you mean 'currency'?"),
        (3, "data.0: No crmlab.sources plugin is named 'fils'.", "Did you mean 'files'?"),
        (4, "data.1: No canonical table is named 'ordrs'.", "Did you mean 'orders'?"),
        (17, "classifiers.rmf: No crmlab.classifiers plugin is named 'rmf'.", "Did you mean 'rfm'?"),
        (18, "classifiers.status.methd: unknown name.", "Did you mean 'method'?"),
        (21, "reports.segmentation.study: cannot differ between reports", ""),
        (22, "reports.segmentation.quality.max_rejected_share: Input should be a valid number", "'no'"),
    ]
    for line, begin, end in expected:
        found = [text for text in lines if text.startswith(f"  {path}:{line}: {begin}")]
        assert len(found) == 1, (line, begin, lines)
        assert end in found[0]
    assert len(lines) == len(expected)


def test_settings_from_the_command_line(write: Any) -> None:
    study, _ = read_study(
        write(GOOD),
        [
            "as_of=2024-01-31",
            "privacy.ids=plain",
            "data.0.files.orders.path=数据/订单.csv",
            "title.zh=甲",
            "title.en=A",
            "reports.segmentation.as_of=2023-12-31",
            "classifiers.rfm.convention=nested",
        ],
        "en",
    )
    assert study.as_of == date(2024, 1, 31)
    assert study.privacy.ids == "plain"
    assert study.data[0].params["files"]["orders"]["path"] == "数据/订单.csv"
    assert study.language == "en"
    assert study.for_report("segmentation").as_of == date(2023, 12, 31)
    assert study.classifiers == {"rfm": {"convention": "nested"}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("as_off=2024-01-31", r"--set as_off: as_off: unknown name\. Did you mean 'as_of'\?"),
        ("privacy.id=plain", r"--set privacy\.id: privacy\.id: unknown name\. Did you mean 'ids'\?"),
        ("as_of=soon", r"--set as_of: as_of: write a day as YYYY-MM-DD.*given: 'soon'"),
        ("data.0.source=x", r"shop\.yaml:2: data\.0: No crmlab\.sources plugin is named 'x'"),
        ("data.7.source=files", r"--set data\.7\.source: '7' is not there"),
        ("as_of", r"--set takes key=value"),
        (
            "classifiers.rfm.convention=x",
            r"--set .*: classifiers\.rfm\.convention: Input should be",
        ),
    ],
)
def test_settings_from_the_command_line_are_checked(write: Any, override: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        read_study(write(GOOD), [override])


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "..", "", ".hidden", "con", "NUL", "index", "x" * 65, "研究", "a b", "a\nb", "-a"]
)
def test_names_that_would_leave_the_folder_of_runs(name: str) -> None:
    (line,) = _problems(_values(study=name))
    assert line.startswith("study: it names a folder or file")
    example = line.split("for example '")[1].split("'")[0]
    assert check(_values(study=example)).study == example


def test_a_report_is_a_file_name_too() -> None:
    assert "it names a folder or file" in _problems(_values(reports={"../../etc/passwd": None}))[0]


def test_a_name_that_is_code_is_an_unknown_name() -> None:
    lines = _problems(_values(**{"x=1\nimport os": 1, "__import__('os')": 2}))
    assert lines[0].startswith("x=1\\nimport os: unknown name.")
    assert lines[1].startswith("__import__('os'): unknown name.")


def test_names_that_are_no_text() -> None:
    with pytest.raises(ParamsError, match="not valid"):
        check({**_values(), 1: 2})  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [20240630, 0, 1719705600.0, "20240630", "2024-6-30", "0024-06-30", []])
def test_a_day_is_written_as_one(value: object) -> None:
    (line,) = _problems(_values(as_of=value))
    assert line.startswith("as_of: write a day as YYYY-MM-DD, for example 2024-06-30, or one of today, ")


def test_a_column_that_is_allowed_is_a_sensitive_one() -> None:
    assert check(_values(privacy={"sensitive_features": ["religion"]})).privacy.sensitive_features
    (line,) = _problems(_values(privacy={"sensitive_features": ["religon"]}))
    assert "'religon' is no sensitive column. Did you mean 'religion'? These are: native_place" in line


def test_contacts_in_a_title_are_masked() -> None:
    study = check(_values(title={"zh": "打13812345678", "en": "a@example.com"}))
    assert study.heading == ("打[电话]", "[e-mail]")


def test_days_that_are_none() -> None:
    assert "as_of: Input should be a valid date" in _problems(_values(as_of="2024-02-30"))[0]
    assert _problems(_values(compare_as_of="2024-06-30")) == [
        "compare_as_of: it must be before as_of (2024-06-30); given: '2024-06-30'."
    ]


@pytest.mark.parametrize("zone", ["", "America", "localtime", "../../etc/passwd", "asia/shanghai", "UTC+8"])
def test_unknown_time_zones(zone: str) -> None:
    (line,) = _problems(_values(timezone=zone))
    assert line.startswith("timezone: no time zone of that name.")
    assert "Asia/Shanghai" in line


def test_no_data() -> None:
    assert _problems({"as_of": "2024-06-30"}) == ["data: required, and not given."]
    assert _problems(_values(data=[]))[0].startswith("data: List should have at least 1 item")
    assert "data.0.source: required, and not given." in _problems(_values(data=[{}]))


def test_long_values_are_not_quoted_whole() -> None:
    (line,) = _problems(_values(language="x" * 10_000))
    assert len(line) < 200


def test_parameters_of_plugins_are_checked() -> None:
    wrong = {
        "rfm": {"convention": "quintile", "groops": 5},
        "status": {"method": "fixed_days", "dormant_after_days": 90, "lost_after_days": 30},
    }
    lines = _problems(_values(classifiers=wrong, annotators={"aspects": {"taxonomi": "x"}}))
    assert lines[0].startswith("classifiers.rfm.convention: Input should be 'value_quintile'")
    assert lines[1].startswith("classifiers.rfm.groops: unknown name.")
    assert lines[2].startswith("classifiers.status: ")
    assert "lost_after_days" in lines[2]
    assert lines[3].startswith("annotators.aspects.taxonomi: unknown name. Did you mean 'taxonomy'?")
    assert len(lines) == 4


def test_reports_change_what_they_name_and_no_more() -> None:
    study = check(
        _values(
            privacy={"ids": "plain", "smallest_group": 7},
            classifiers={"rfm": {"convention": "nested", "map": "total_11"}, "status": {"method": "own_gap"}},
            reports={
                "segmentation": {
                    "as_of": "2023-12-31",
                    "privacy": {"quotes": "none"},
                    "classifiers": {"rfm": {"convention": "r_rfm"}},
                    "rows": 20,
                },
                "feedback": None,
            },
        )
    )
    changed = study.for_report("segmentation")
    assert changed.as_of == date(2023, 12, 31)
    assert changed.privacy.model_dump(exclude_defaults=True) == {
        "ids": "plain",
        "quotes": "none",
        "smallest_group": 7,
    }
    assert changed.classifiers == {
        "rfm": {"convention": "r_rfm", "map": "total_11"},
        "status": {"method": "own_gap"},
    }
    assert study.for_report("feedback") is study
    assert study.for_report("none of ours") is study
    assert changed.for_report("segmentation") == changed


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"language": "fr"}, "reports.feedback.language: Input should be 'zh' or 'en'"),
        ({"annotators": {"aspect": {}}}, "reports.feedback.annotators.aspect: No crmlab.annotators plugin"),
        ({"compare_as_of": "2025-01-01"}, "reports.feedback.compare_as_of: it must be before as_of"),
        ({"as_of": "2024-03-31"}, "reports.feedback.compare_as_of: it must be before as_of (2024-03-31)"),
        ({"plugin_folder": "x"}, "reports.feedback.plugin_folder: cannot differ between reports."),
        ("all", "reports.feedback: Input should be a valid dictionary"),
    ],
)
def test_reports_are_checked_as_they_will_run(changes: Any, line: str) -> None:
    problems = _problems(_values(compare_as_of="2024-03-31", reports={"feedback": changes}))
    assert len(problems) == 1
    assert problems[0].startswith(line)


def test_a_problem_of_the_study_is_told_once() -> None:
    reports = {"segmentation": {"as_of": "2024-01-31"}, "feedback": {"as_of": "2024-02-29"}}
    assert len(_problems(_values(currency="RMB¥", reports=reports))) == 1


def test_plugin_folder(write: Any, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"shop\.yaml:5: plugin_folder: there is no folder 'mine'"):
        read_study(write(GOOD + "plugin_folder: mine\n"))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "broken.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    _, warnings = read_study(write(GOOD + "plugin_folder: mine\n"))
    assert len(warnings) == 1
    assert "broken.py" in warnings[0]
    assert prepare(_values(plugin_folder="mine"), tmp_path)[1] == warnings
    with pytest.raises(ParamsError, match=r"no classifier is named 'own'(.|\n)*broken\.py"):
        prepare(_values(plugin_folder="mine", schemes=["own"]), tmp_path)


def test_the_demo_study() -> None:
    study, warnings = read_study(DEMO)
    assert warnings == []
    assert (study.study, study.as_of, study.earlier) == ("demo", date(2017, 12, 31), date(2017, 9, 30))


def test_json_schema() -> None:
    validator = Draft202012Validator(json_schema())
    validator.check_schema(validator.schema)
    demo = parse(DEMO.read_text(encoding="utf-8"), "demo").value
    assert list(validator.iter_errors(demo)) == []
    for wrong in (
        {**demo, "langauge": "zh"},
        {**demo, "language": "fr"},
        {**demo, "classifiers": {"rmf": {}}},
        {**demo, "data": [{"source": "fils"}]},
        {**demo, "privacy": {"id": "plain"}},
        {key: value for key, value in demo.items() if key != "as_of"},
    ):
        assert list(validator.iter_errors(wrong)) != []


def test_every_setting_is_described_in_both_languages() -> None:
    for name, field in Study.model_fields.items():
        text = field.description or ""
        assert any("\u4e00" <= character <= "\u9fff" for character in text), name
        assert any(character.isascii() and character.isalpha() for character in text), name


def test_a_typo_in_a_rule_of_quality_is_told() -> None:
    quality = {"rules": {"mobile_format": {"max_shar": 0.1}}}
    with pytest.raises(ParamsError, match=r"quality\.rules\.mobile_format\.max_shar.*'max_share'\?"):
        check({"as_of": "2024-06-30", "data": [{"source": "complete-journey"}], "quality": quality})


def test_reports_of_different_years_do_not_disturb_each_other() -> None:
    early = {"as_of": "2017-12-31"}
    late = {"as_of": "2024-12-31", "compare_as_of": "2024-09-30"}
    study = check(_values(as_of="2020-12-31", reports={"feedback": early, "value": late}))
    assert str(study.for_report("value").compare_as_of) == "2024-09-30"
    assert str(study.for_report("feedback").as_of) == "2017-12-31"
