"""Which of several languages a shopper gets."""

from collections.abc import Mapping


def localised(texts: Mapping[str, str], locale: str, fallback: str | None = None) -> str | None:
    """The text for `de-DE`, else for `de`, else for the fallback locale, else any; None where there is none."""
    for candidate in (locale, locale.split("-", maxsplit=1)[0], fallback):
        if candidate is not None and candidate in texts:
            return texts[candidate]
    return next(iter(texts.values()), None)
