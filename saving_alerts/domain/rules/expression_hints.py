"""What people write in a `when` who know other languages, and how it is written in CEL."""

import re
from difflib import get_close_matches

from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.clauses import WEEKDAYS
from saving_alerts.domain.rules.expression_variables import known_names

_TEXT = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_WORDS = (  # how it looks outside texts → what is written instead
    (re.compile(r"(?i)(?<![\w.])between(?!\w)"), "write both ends, like local.hour >= 11 && local.hour < 14"),
    (re.compile(r"(?<![\w.])in\s*\("), "lists stand in [ ], like local.weekday in ['saturday', 'sunday']"),
    (
        re.compile(r"(?i)\.\s*(?:to)?(?:lower|upper)\w*\s*\("),
        "there is matches(), like event.locale.matches('(?i)^de')",
    ),
    (re.compile(r"(?i)(?<![\w.])and(?![\w.])"), "write && for and"),
    (re.compile(r"(?i)(?<![\w.])or(?![\w.])"), "write || for or"),
    (re.compile(r"(?i)(?<![\w.])not\s+in(?![\w.])"), "write !(a in b) for a not in b"),
    (re.compile(r"(?i)(?<![\w.])not(?![\w.])"), "write ! for not"),
    (re.compile(r"<>|=/=|≠"), "write != for unequal"),
    (re.compile(r"=>|=<"), "write >= and <="),
    (re.compile(r"≥|≤"), "write >= and <="),
    (re.compile(r"==="), "write == to compare"),
    (re.compile(r"(?<![=!<>])=(?![=>])"), "write == to compare"),
    (re.compile(r"(?<![&])&(?!&)"), "write && for and"),
    (re.compile(r"(?<![|])\|(?!\|)"), "write || for or"),
    (re.compile(r"(?<![\w.])(?:True|TRUE|yes)(?!\w)"), "write true"),
    (re.compile(r"(?<![\w.])(?:False|FALSE|no)(?!\w)"), "write false"),
    (
        re.compile(r"(?i)(?<![\w.])(?:is\s+(?:not\s+)?)?(?:null|none|nil)(?!\w)"),
        "ask has(…) whether something is there",
    ),
    (re.compile(r"\d\s*%(?!\s*[\d(\w])"), "write percentages as numbers, like coupon.discount.amount >= 20.0"),
    (re.compile(r"\d,\d"), "write a point in a number, like 12.5"),
    (re.compile(r"[\u2018\u2019\u201c-\u201e]"), "write straight quotes, like 'ios'"),
)
_DISCOUNT = re.compile(r"coupon\.discount(?!\s*[.\w])")
_NAMED_TEXTS = (*map(str, WEEKDAYS), *map(str, EventType), "ios", "android", "percent", "amount", "in_store", "online")
_UNKNOWN_NAME = re.compile(r"undeclared reference to '([\w.]+)'")
_TEXT_AND_NUMBER = re.compile(r"\((?:int64|double), string\)|\(string, (?:int64|double)\)")


def without_texts(text: str) -> str:
    """The expression with every text in it emptied."""
    return _TEXT.sub("''", text)


def hint(text: str, error: str) -> str | None:
    """How what fails would be written; None if nobody can say. `error` is CEL's."""
    bare = without_texts(text)
    if _DISCOUNT.search(bare):
        return "coupon.discount has fields: compare coupon.discount.amount, and coupon.discount.kind"
    usual = next((words for looks, words in _WORDS if looks.search(bare)), None)
    if usual is None and _TEXT_AND_NUMBER.search(error):
        return "numbers stand without quotes, and texts in quotes"
    return usual or _nearest(error)


def _nearest(error: str) -> str | None:
    """For a name that there is not: a text without its quotes, or a field without what it is in."""
    found = _UNKNOWN_NAME.search(error)
    if found is None:
        return None
    if near := get_close_matches(found[1].lower(), _NAMED_TEXTS, n=1, cutoff=0.8):
        return f"texts stand in quotes: '{near[0]}'"
    fields = {name.rpartition(".")[2]: name for name in known_names() if "." in name}
    near = get_close_matches(found[1].rpartition(".")[2], fields, n=1, cutoff=0.8)
    return f"did you mean {fields[near[0]]}?" if near else None
