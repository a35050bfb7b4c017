"""Which text a shopper gets, in whatever way a phone or a file writes its locale."""

import pytest
from babel.core import get_global
from babel.localedata import locale_identifiers
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.texts.locales import cldr_name, is_same_language, lookup

CLDR = sorted(locale_identifiers())


@pytest.mark.parametrize(
    ("locale", "available", "found"),
    [
        pytest.param("de-AT", ["de", "de-AT"], "de-AT", id="its own"),
        pytest.param("de-AT", ["en", "de"], "de", id="its language"),
        pytest.param("fr-FR", ["en", "de"], None, id="none"),
        pytest.param("DE_at", ["de", "de-AT"], "de-AT", id="letter case and an old separator"),
        pytest.param("de-at", ["DE-AT"], "DE-AT", id="letter case of the file"),
        pytest.param("de_DE.UTF-8", ["de"], "de", id="an encoding"),
        pytest.param("sr_RS@latin", ["sr"], "sr", id="a modifier"),
        pytest.param("de-DE-u-co-phonebk", ["de-DE", "de"], "de-DE", id="an extension"),
        pytest.param("de-CH-1996", ["de-CH", "de"], "de-CH", id="a variant"),
        pytest.param("ca-ES-valencia", ["ca", "ca-ES-valencia"], "ca-ES-valencia", id="a variant that is there"),
        pytest.param("ca", ["ca-valencia", "en"], None, id="nothing more special than what was asked for"),
        pytest.param("iw-IL", ["he"], "he", id="Hebrew as old phones say it"),
        pytest.param("he", ["iw"], "iw", id="and as old files do"),
        pytest.param("in-ID", ["id"], "id", id="Indonesian"),
        pytest.param("ji", ["yi"], "yi", id="Yiddish"),
        pytest.param("tl-PH", ["fil"], "fil", id="Tagalog"),
        pytest.param("mo", ["ro"], "ro", id="Moldavian"),
        pytest.param("no-NO", ["nb"], "nb", id="Norwegian"),
        pytest.param("nb-NO", ["no"], "no", id="Bokmål"),
        pytest.param("nn-NO", ["nb"], "nb", id="Nynorsk reads Bokmål"),
        pytest.param("zh-TW", ["zh", "zh-Hant"], "zh-Hant", id="the script that a region writes"),
        pytest.param("zh-HK", ["zh-Hans", "zh-Hant"], "zh-Hant", id="the script of another region"),
        pytest.param("zh-Hant-TW", ["zh-TW", "zh"], "zh-TW", id="a script that goes without saying"),
        pytest.param("zh-TW", ["zh-Hant-TW"], "zh-Hant-TW", id="and one that is said"),
        pytest.param("zh_TW_#Hant", ["zh-Hant"], "zh-Hant", id="as Java writes it"),
        pytest.param("zh-CN", ["zh-Hant", "zh-Hans"], "zh-Hans", id="simplified"),
        pytest.param("zh-TW", ["zh-CN"], None, id="not the other script"),
        pytest.param("zh-cmn-Hans-CN", ["zh"], "zh", id="an extended language"),
        pytest.param("sr-ME", ["sr", "sr-Latn"], "sr-Latn", id="Latin in Montenegro"),
        pytest.param("sr-RS", ["sr-Latn", "sr"], "sr", id="Cyrillic in Serbia"),
        pytest.param("sh", ["sr-Latn"], "sr-Latn", id="an alias with a script"),
        pytest.param("es-MX", ["es", "es-419"], "es-419", id="a parent of CLDR"),
        pytest.param("en-AU", ["en-US", "en-001"], "en-001", id="English of the world"),
        pytest.param("pt-AO", ["pt", "pt-PT"], "pt-PT", id="African Portuguese"),
        pytest.param("", ["en"], None, id="nothing"),
        pytest.param("--", ["en"], None, id="separators only"),
        pytest.param("C", ["en"], None, id="no language"),
    ],
)
def test_a_locale_finds_the_text_that_is_nearest(locale: str, available: list[str], found: str | None) -> None:
    assert lookup(locale, available) == found


@pytest.mark.parametrize("name", CLDR)
def test_every_locale_of_cldr_finds_itself_and_its_numbers_however_it_is_written(name: str) -> None:
    ways = [name, name.replace("_", "-"), name.upper(), name.lower(), f"{name}.UTF-8", f"{name}-u-nu-latn"]

    assert {lookup(way, ["xx", name]) for way in ways} == {name}
    assert len({cldr_name(way) for way in ways}) == 1
    assert name == "root" or cldr_name(name) != "root"


@pytest.mark.parametrize("alias", sorted(key for key in get_global("language_aliases") if "_" not in key))
def test_every_alias_of_a_language_is_that_language(alias: str) -> None:
    real = get_global("language_aliases")[alias]

    assert lookup(alias, [real]) == real
    assert lookup(real, [alias]) == alias
    assert is_same_language(alias, real)


subtags = st.sampled_from(["de", "zh", "Hant", "hans", "TW", "cn", "419", "1996", "valencia", "u", "x", "", "#Latn"])
tags = st.lists(subtags, max_size=6).flatmap(lambda each: st.sampled_from(["-".join(each), "_".join(each)]))


@given(locale=tags | st.text(max_size=70), available=st.lists(tags | st.text(max_size=20), max_size=5))
def test_whatever_is_written_one_of_the_texts_or_none_is_found(locale: str, available: list[str]) -> None:
    assert lookup(locale, available) in {*available, None}
    assert lookup(locale, [*available, locale]) == locale
