"""Numbers, dates, money and telephone numbers of a Chinese text in Chinese words, and one comma for all punctuation.

As XTTS was trained (see `speech/engines/xtts/cleaning.py`), down to this: what was found is replaced where its
characters first occur.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

_DIGITS = "零一二三四五六七八九"
_POWERS = {"十": 1, "百": 2, "千": 3, "万": 4}
_POWERS |= {unit: 8 + 4 * place for place, unit in enumerate("亿兆京垓秭穰沟涧正载")}
_MONEY_UNITS = "(?:千万|百万|[亿万千百元块角毛分])"
_QUANTIFIERS = (
    "匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令打手罗坡山岭江溪钟队单双对出口头脚板跳枝件贴"
    "针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽寸尺丈里寻常铺程撮勺合升斗盘碗碟叠桶笼盆盒杯斛锅簋篮罐瓶壶卮盏箩箱煲"
    "啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈丸泡粒幢堆根道面片块"
)
_PUNCTUATION = str.maketrans(
    dict.fromkeys(
        "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃《》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿"
        "–—‘’‛“”„‟…‧﹏·〈〉" + string.punctuation,
        ",",
    )
)


def digits(number: str) -> str:
    """Every digit of `number` by itself; whatever stands between them goes."""
    return "".join(_DIGITS[int(digit)] for digit in number if digit.isdecimal())


def cardinal(number: str) -> str:
    """`number`, with or without decimals, in words: 两千零五十点二."""
    whole, _, decimals = number.partition(".")
    symbols = _with_units(whole) if len(whole) > 1 else digits(whole)
    words = [
        "两" if symbol == "二" and _is_pair(symbols[:place], symbols[place + 1 :]) else symbol
        for place, symbol in enumerate(symbols)
    ]
    text = "".join(words) + ("点" + digits(decimals) if decimals else "")
    if text.startswith("点"):
        return "零" + text
    return text[1:] if text.startswith("一十") else text


def spoken(text: str) -> str:
    """A Chinese text with its numbers in words and every punctuation mark a comma."""
    text = f"^{text}$"
    text = _replace(r"\D+((?:(?:[089]\d|(?:19|20)\d{2})年)?(?:\d{1,2}月(?:\d{1,2}[日号])?)?)", _date, text)
    text = _replace(rf"\D+(\d+(?:\.\d+)?[多余几]?{_MONEY_UNITS}(?:\d{_MONEY_UNITS}?)?)", _money, text)
    text = _replace(r"\D((?:\+?86 ?)?1(?:[38]\d|5[0-35-9]|7[678]|9[89])\d{8})\D", digits, text)
    text = _replace(r"\D((?:0(?:10|2[1-3]|[3-9]\d{2})-?)?[1-9]\d{6,7})\D", digits, text)
    text = _replace(r"(\d+/\d+)", _fraction, text).replace("％", "%")
    text = _replace(r"(\d+(?:\.\d+)?%)", lambda found: "百分之" + cardinal(found[:-1]), text)
    text = _replace(rf"(\d+(?:\.\d+)?)[多余几]?(?:[{_QUANTIFIERS}]|[千微][克米])", cardinal, text)
    text = _replace(r"(\d{4,32})", digits, text)
    text = _replace(r"(\d+(?:\.\d+)?)", cardinal, text)
    text = _replace(r"([a-zA-Z]+二[a-zA-Z]+)", lambda found: found.replace("二", "2"), text)  # B2B
    return text.lstrip("^").rstrip("$").translate(_PUNCTUATION)


def _replace(pattern: str, say: Callable[[str], str], text: str) -> str:
    for found in re.findall(pattern, text):
        text = text.replace(found, say(found), 1)
    return text


def _with_units(number: str) -> str:
    significant = number.lstrip("0")
    if len(significant) < 2:
        return digits(("0" if significant and significant != number else "") + significant)
    unit = [unit for unit, power in _POWERS.items() if power < len(significant)][-1]
    power = _POWERS[unit]
    return _with_units(number[:-power]) + unit + _with_units(significant[-power:])


def _is_pair(before: str, after: str) -> bool:
    """Whether a two between these symbols is 两: it counts hundreds and more, and no ten stands before it."""
    return _POWERS.get(after[:1], 1) > 1 and (not before or _POWERS.get(before[-1], 1) > 1)


def _date(found: str) -> str:
    found = re.sub(r"\d+年", lambda year: digits(year[0]) + "年", found)
    return re.sub(r"\d+", lambda number: cardinal(number[0]), found)


def _money(found: str) -> str:
    for number in re.findall(r"\d+(?:\.\d+)?", found):
        found = found.replace(number, cardinal(number))
    return found


def _fraction(found: str) -> str:
    numerator, denominator = found.split("/")
    return f"{cardinal(denominator)}分之{cardinal(numerator)}"
