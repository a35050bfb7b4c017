"""Over 200 names of merchants and coupons as people write them, and as people who mean harm do."""

from pathlib import Path

# Names of many scripts, then, below an empty line, emoji.
_SCRIPTS, _EMOJI = (
    block.splitlines() for block in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").split("\n\n")
)
_MARKS = ["e\u0301", "a\u0302\u0301\u0323", "Z\u0351\u036b\u0343\u036a\u0302", "n\u0303", "\u1100\u1161\u11a8", "ก็"]
_HARMFUL = [
    "Shop\nFree iPhone",
    "Shop\r\nX",
    "A\x00B",
    "\x1b[31mred\x1b[0m",
    "A\x85B",
    "A\u2028B\u2029C",
    "A\x7fB\x9bC",
    "Tab\there",
    "\u202eevil gpj.exe",
    "\u202aShop\u202c",
    "\u202dA\u202c\u202c",
    "\u2066open",
    "\u2067\u2068open twice",
    "closed\u2069",
    "\u2069\u2069A\u2066B",
    "\u2068\u05e9\u05dc\u05d5\u05dd\u2069 Shop",
    "\u2066" * 50 + "deep" + "\u2069" * 3,
    "\ufeffShop",
    "A\ufff9B\ufffaC\ufffb",
    "A\u206aB\u206fC",
    "\u200f\u05e9\u05d5\u05e4\u200f",
    "Sho\u00adp",
    "A\u200bB\u2060C",
    "\u0600\u0601 prefix",
    "e" + "\u0301" * 500,
    "\u0301\u0302 begins with a mark",
    "\u200d\u200d",
    "🇩",
    "🏴\U000e0067\U000e0062",
    "  spaces  ",
    "   ",
    "",
    "$merchant ${coupon} $$",
    "x" * 5_000,
]


def _long() -> list[str]:
    """Each longer than a phone shows, with graphemes of many characters at every place where it could be cut."""
    pieces = [*_EMOJI, *_MARKS, "श्री", "क्षि", "שָׁ", "لَّ", "각", "\u2067אב\u2069", "சௌ"]
    return [shift * "x" + piece * 120 for piece in pieces for shift in (0, 1)]


NAMES = tuple(dict.fromkeys([*_SCRIPTS, *_EMOJI, *_MARKS, *_HARMFUL, *_long()]))
