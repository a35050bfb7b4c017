"""What a terminal would obey in a text, and not show."""

# Marks, embeddings, overrides and isolates.
BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_BREAKS = frozenset("\u2028\u2029")


def harm_in(text: str) -> str:
    """The signs of the text that act: controls but line break and tab, C1, bidirectional ones, other line breaks."""
    return "".join(sign for sign in text if _acts(sign))


def _acts(sign: str) -> bool:
    number = ord(sign)
    is_control = number < 0x20 or 0x7F <= number <= 0x9F
    return (is_control and sign not in "\n\t") or sign in BIDIRECTIONAL or sign in LINE_BREAKS
