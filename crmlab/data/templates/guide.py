"""The sheets beside the forms: instructions, every field with examples, the code lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from crmlab.data.canonical.columns import SENSITIVITIES
from crmlab.data.templates.definitions import CodeList, Form, Sheet
from crmlab.data.templates.examples import shown_examples
from crmlab.data.templates.forms import code_lists, sheets
from crmlab.data.templates.style import CLASSES, Style, header_class, set_print
from crmlab.labels import Language, Text

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

TITLE = Text("客户资料模板", "Customer templates")
INSTRUCTIONS = Text("填写说明", "Instructions")
FIELDS = Text("字段与示例", "Fields and examples")
CODES = Text("代码表", "Code lists")
BESIDE = (INSTRUCTIONS, FIELDS, CODES)
"""The sheets beside the forms."""

DUTIES = {
    "required": Text("必填。", "Required."),
    "optional": Text("选填。", "Optional."),
    "sensitive": Text("选填，敏感个人信息。", "Optional; sensitive personal information."),
    "computed": Text("计算结果，请勿填写；读回时忽略。", "Computed: do not fill in; ignored when read back."),
}
_MARKS = {
    "required": Text("必填（名称后有 *）", "Required (marked *)"),
    "optional": Text("选填", "Optional"),
    "sensitive": Text("敏感个人信息（名称后有 !）", "Sensitive (marked !)"),
    "computed": Text("计算结果（名称后有 =）", "Computed (marked =)"),
}
_MEANINGS = {
    "required": Text(
        "每一行都要填写；已开始填写的行缺少时，单元格变为橙色。",
        "Every row needs it; in a row that is begun, the empty cell turns orange.",
    ),
    "optional": Text(
        "有则填写，没有请留空，不要填“无”或“/”。", "Fill it in if you know it; else leave it empty."
    ),
    "sensitive": Text(
        "须有特定目的并取得客户单独同意（《个人信息保护法》第二十八、二十九条）；分析时默认不进入任何模型。",
        "Needs a stated purpose and the customer's separate consent (PIPL, articles 28 and 29); no model "
        "uses it by default.",
    ),
    "computed": Text(
        "由其他各表算出，不是输入，读回时忽略。",
        "Follows from the other sheets; no input, ignored when read back.",
    ),
}
_HOW_TO = (
    Text(
        "一行一条记录。表头不要改名，不要合并单元格；列的次序可以改变，用不到的选填列可以删除。",
        "One row, one record. Keep the headers as they are and merge no cells; columns may change places, "
        "and optional ones may be deleted.",
    ),
    Text(
        "各表用“编号”对应同一位客户。编号、订单号和电话按文本保存，开头的 0 和长号码不会丢失。",
        "The customer ID ties the sheets together. Ids and phone numbers are kept as text: leading zeros and "
        "long numbers survive.",
    ),
    Text(
        "日期写成 2024-03-05，时间写成 2024-03-05 14:30；金额只写数字，退款写负数。",
        "Write dates as 2024-03-05, times as 2024-03-05 14:30, amounts as numbers, refunds as negative ones.",
    ),
    Text(
        "有下拉列表的列请从列表中选择；支付方式和渠道可以另填。",
        "Choose from the list where there is one; payment methods and channels may be added.",
    ),
    Text(
        "同一位客户可以同时出现在客户基本资料表和客户情况管理表中：以前者为准，后者补足空缺。同一订单号只计一次。",
        "A customer may stand in the profile and in the overview: the profile holds, the overview fills its "
        "gaps. An order in two sheets counts once.",
    ),
    Text(
        "鼠标停在表头上可以看到该列的说明；全部字段、可选值和示例见“字段与示例”。",
        "Point at a header to read what it means; all fields with examples are in “Fields and examples”.",
    ),
    Text(
        "填好后运行 crmlab import 文件名，或在研究文件的 data 中写 source: template。"
        "填写说明、字段与示例、代码表三页不会被读取。",
        "When filled in: run crmlab import FILE, or name the file in a study with source: template. The "
        "instructions, the examples and the code lists are not read.",
    ),
)
_COLUMNS = (
    (Text("字段", "Field"), 24),
    (Text("要求", "Duty"), 20),
    (Text("可选值", "Values"), 24),
    (Text("说明", "Meaning"), 46),
    (Text("个人信息", "Privacy"), 24),
    *((Text(f"示例 {number}", f"Example {number}"), 26) for number in (1, 2, 3)),
)


def write_instructions(worksheet: Worksheet, forms: Sequence[Form], style: Style, language: Language) -> None:
    """Write what the workbook is for, how to fill it in, and what the colours mean."""
    _page(worksheet, INSTRUCTIONS, (28, 100), language)
    worksheet.set_row(0, 34)
    worksheet.write_string(0, 0, TITLE.to(language), style.plain("title"))
    row = _heading(worksheet, 2, Text("各表用途", "The forms"), style, language)
    for form in forms:
        row = _pair(worksheet, row, form.text.to(language), form.purpose.to(language), style)
    row = _heading(worksheet, row + 1, Text("怎样填写", "How to fill them in"), style, language)
    for number, rule in enumerate(_HOW_TO, 1):
        row = _pair(worksheet, row, str(number), rule.to(language), style)
    row = _heading(worksheet, row + 1, Text("表头颜色", "The colours of the headers"), style, language)
    for kind in CLASSES:
        worksheet.set_row(row, 32)
        legend = style.header(kind)
        worksheet.write_string(row, 0, _MARKS[kind].to(language), legend)
        worksheet.write_string(row, 1, _MEANINGS[kind].to(language), style.plain("words"))
        row += 1


def write_fields(worksheet: Worksheet, forms: Sequence[Form], style: Style, language: Language) -> None:
    """Write every field with its meaning and the example, sheet by sheet."""
    _page(worksheet, FIELDS, [width for _, width in _COLUMNS], language)
    row = 0
    for sheet in sheets(tuple(forms)):
        row = _heading(worksheet, row, sheet.text, style, language, len(_COLUMNS)) + 1
        for place, (name, _) in enumerate(_COLUMNS):
            worksheet.write_string(row - 1, place, name.to(language), style.plain("column"))
        row = _write_fields_of(worksheet, row, sheet, style, language) + 1


def write_codes(worksheet: Worksheet, style: Style, language: Language) -> None:
    """Write one column per code list; the forms' lists point here."""
    _page(worksheet, CODES, [20] * len(code_lists()), language)
    worksheet.set_row(0, 28)
    for place, codes in enumerate(code_lists().values()):
        worksheet.write_string(0, place, codes.text.to(language), style.header("optional"))
        for row, value in enumerate(codes.values, 1):
            worksheet.write_string(row, place, value.to(language), style.plain("words"))
    worksheet.freeze_panes(1, 0)


def code_range(place: int, codes: CodeList, language: Language) -> str:
    """Return where the values of a code list stand."""
    from xlsxwriter.utility import xl_range_abs

    return f"='{CODES.to(language)}'!{xl_range_abs(1, place, len(codes.values), place)}"


def _write_fields_of(worksheet: Worksheet, row: int, sheet: Sheet, style: Style, language: Language) -> int:
    examples = shown_examples(sheet, language)
    for field in sheet.fields:
        values = "、" if language == "zh" else ", "
        told = (
            DUTIES[header_class(field)].to(language),
            values.join(value.to(language) for value in field.codes.values) if field.codes else "",
            field.note.to(language),
            "" if field.computed else SENSITIVITIES[field.sensitivity].to(language),  # type: ignore[index]
        )
        worksheet.write_string(row, 0, field.text.to(language), style.plain("strong"))
        for place, words in enumerate(told, 1):
            worksheet.write_string(row, place, words, style.plain("words"))
        for place, example in enumerate(examples, len(told) + 1):
            shown = _shown(example.get(field.column))
            worksheet.write_string(row, place, shown, style.plain("example"))
        row += 1
    return row


def _shown(value: Any) -> str:
    if isinstance(value, date):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return "" if value is None else f"{value:,.2f}" if isinstance(value, float) else str(value)


def _page(worksheet: Worksheet, title: Text, widths: Sequence[int], language: Language) -> None:
    worksheet.hide_gridlines(2)
    worksheet.set_tab_color("#a9a69f")
    for place, width in enumerate(widths):
        worksheet.set_column(place, place, width)
    set_print(worksheet, title.to(language), sum(widths))


def _heading(
    worksheet: Worksheet, row: int, title: Text, style: Style, language: Language, width: int = 2
) -> int:
    worksheet.set_row(row, 24)
    worksheet.write_string(row, 0, title.to(language), style.plain("heading"))
    for place in range(1, width):
        worksheet.write_blank(row, place, None, style.plain("heading"))
    return row + 1


def _pair(worksheet: Worksheet, row: int, first: str, second: str, style: Style) -> int:
    lines = 1 + len(second.encode("gb18030")) // 110
    worksheet.set_row(row, 6 + 16 * lines)
    worksheet.write_string(row, 0, first, style.plain("strong"))
    worksheet.write_string(row, 1, second, style.plain("words"))
    return row + 1
