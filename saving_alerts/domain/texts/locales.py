"""Which of several texts a shopper can read: lookup by RFC 4647, with the aliases, scripts and parents of CLDR.

Tags come from phones and from files, in all the ways in which they were ever written: `de-AT`, `DE_at`, `zh_TW`,
`iw-IL`, `zh_TW_#Hant`, `en_US.UTF-8`. They are compared in one form, in which an alias is replaced and a script is left
out where everybody expects it: `iw` is `he`, `zh-Hans-CN` is `zh-CN`, `zh-Hant` stays.
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import NamedTuple

from babel.core import get_global
from babel.localedata import exists

# Senders choose the tags, so what is remembered of them must have a limit: more than the 1,147 locales of CLDR.
REMEMBERED_TAGS = 2048
# Of a tag: an event's has at most 35. What is longer is no locale.
MAX_TAG_CHARACTERS = 64
# CLDR has made `no` the parent of `nb`, which phones say; they are one language here, as they were in CLDR before.
_NORWEGIAN = "no", "nb"
_SEPARATORS = re.compile("[-_]+")
_ENCODING_OR_MODIFIER = re.compile("[.@].*", re.DOTALL)
_ROOT = "root"

_aliases = get_global("language_aliases")
_regions = get_global("territory_aliases")
_likely = get_global("likely_subtags")
_parents = get_global("parent_exceptions")


class _Tag(NamedTuple):
    """The subtags of a locale as CLDR spells them, empty where there is none; the script is never left out."""

    language: str
    script: str
    region: str
    variants: tuple[str, ...]


def lookup(locale: str, available: Collection[str]) -> str | None:
    """The one of `available` that the locale asks for, or the nearest more general one; None if there is none."""
    return locale if locale in available else _nearest(locale, tuple(available))


@lru_cache(maxsize=REMEMBERED_TAGS)
def _nearest(locale: str, available: tuple[str, ...]) -> str | None:
    by_form = {_form(each): each for each in reversed(available)}
    return next((by_form[each] for each in _more_and_more_general(locale) if each in by_form), None)


@lru_cache(maxsize=REMEMBERED_TAGS)
def is_same_language(one: str, other: str) -> bool:
    return _tag(one).language == _tag(other).language


@lru_cache(maxsize=REMEMBERED_TAGS)
def cldr_name(locale: str) -> str:
    """The nearest locale of CLDR, as Babel names its data: `zh_Hant_TW`; `root` for an unknown language."""
    tag = _tag(locale)
    names = (
        f"{tag.language}_{tag.script}_{tag.region}",
        f"{tag.language}_{tag.region}",
        f"{tag.language}_{tag.script}",
        tag.language,
    )
    return next((name for name in names if exists(name)), _ROOT)


@lru_cache(maxsize=REMEMBERED_TAGS)
def _form(locale: str) -> str:
    return _in_one_form(_tag(locale))


@lru_cache(maxsize=REMEMBERED_TAGS)
def _more_and_more_general(locale: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_in_one_form(each) for each in _steps(_tag(locale))))


def _steps(tag: _Tag) -> Iterator[_Tag]:
    for count in range(len(tag.variants), 0, -1):
        yield tag._replace(variants=tag.variants[:count])
    without_region = tag._replace(region="", variants=())
    language_alone = without_region._replace(script=_likely_script(tag.language, ""))
    for each in (tag._replace(variants=()), without_region, language_alone):
        yield each
        yield from _parents_of(each)


def _parents_of(tag: _Tag) -> Iterator[_Tag]:
    """Those that CLDR names within the language: `es-419` of `es-MX`, `en-001` of `en-GB`, Bokmål of Nynorsk."""
    name: str | None = _in_one_form(tag).replace("-", "_")
    while name is not None and (name := _parents.get(name)) is not None:
        parent = _tag(name)
        if parent.language in {tag.language, _NORWEGIAN[1]}:
            yield parent


def _in_one_form(tag: _Tag) -> str:
    script = "" if tag.script == _likely_script(tag.language, tag.region) else tag.script
    return "-".join(part for part in (tag.language, script, tag.region, *tag.variants) if part)


@lru_cache(maxsize=REMEMBERED_TAGS)
def _tag(locale: str) -> _Tag:
    subtags = _SEPARATORS.split(_ENCODING_OR_MODIFIER.sub("", locale[:MAX_TAG_CHARACTERS]).lower())
    return _with_aliases(_read(subtags))


def _read(subtags: list[str]) -> _Tag:
    """By their shapes, in any order, because Java writes the script behind the region. Extensions end it."""
    language, script, region, variants = subtags[0], "", "", []
    for place, subtag in enumerate(each.lstrip("#") for each in subtags[1:]):
        if len(subtag) == 1:
            break
        if place == 0 and len(subtag) == 3 and subtag.isalpha():  # noqa: PLR2004 - like `zh-yue`
            language = subtag
        elif not script and len(subtag) == 4 and subtag.isalpha():  # noqa: PLR2004
            script = subtag.title()
        elif not region and re.fullmatch("[a-z]{2}|[0-9]{3}", subtag):
            region = subtag.upper()
        elif subtag:
            variants.append(subtag)
    return _Tag(language, script, region, tuple(variants))


def _with_aliases(tag: _Tag) -> _Tag:
    """Aliases may say more than a language: `sh` is `sr_Latn`, `prs` is `fa_AF`."""
    alias = _read(_aliases.get(tag.language, tag.language).lower().split("_"))
    language = _NORWEGIAN[1] if alias.language == _NORWEGIAN[0] else alias.language
    region = _regions.get(tag.region, [tag.region])[0] or alias.region
    script = tag.script or alias.script or _likely_script(language, region)
    return _Tag(language, script, region, tag.variants)


def _likely_script(language: str, region: str) -> str:
    likely = _likely.get(f"{language}_{region}") or _likely.get(language) or ""
    return likely.split("_")[1] if likely else ""
