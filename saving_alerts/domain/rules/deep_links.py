"""Where the tap on a push may lead: to an https host that the merchant names, or into an app whose scheme is listed.

A link is judged by what every reader makes of it. Phones, browsers and Python read odd links differently, so whatever
could be read in two ways is refused, with its reason.
"""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

import idna

from saving_alerts.domain.decoding import printable

HTTPS = "https"
# Schemes that no setting can list: they run what stands in them, read files, or hand the link on to whoever takes it.
NEVER_SCHEMES = frozenset(
    {
        *(
            "about",
            "android-app",
            "app-settings",
            "blob",
            "chrome",
            "content",
            "data",
            "facetime",
            "file",
            "filesystem",
        ),
        *("ftp", "http", "intent", "itms-services", "jar", "javascript", "mailto", "mms", "package", "resource", "sms"),
        *("tel", "vbscript", "view-source", "ws", "wss"),
    }
)
SCHEMES_PATTERN = r"^[a-z][a-z0-9+.-]*(,[a-z][a-z0-9+.-]*)*$"  # of the setting that lists some
MAX_SHOWN = 60  # characters of a host in a reason; a decision has several
# Encoded once more is encoded all the same: some apps decode a link twice.
MAX_DECODINGS = 3
_REMEMBERED = 4096  # links: a coupon's is the same for all of its users
_BEGINNING = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_END_OF_AUTHORITY = re.compile(r"[/?#]")
_PERCENT_WITHOUT_CODE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT = re.compile(r":[0-9]{0,5}$")
# A name that DNS can have, with a dot, which ends in no number: no address, nothing of the phone's own network.
_PUBLIC_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_PLAIN = re.compile(r"https://(?:[a-z0-9]+\.)+[a-z]{2,63}/")
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


def are_plainly_allowed(links: list[str], hosts: tuple[str, ...]) -> bool:
    """Whether `link_problem` would find nothing in any of them; False says nothing.

    Most links are plain, and five of them are looked at in the time that one takes otherwise.
    """
    text = "".join(links)
    if not (text.isascii() and text.isprintable()) or " " in text or "%" in text or "\\" in text:
        return False
    if hosts:
        beginnings = _plain_beginnings(hosts)
        return all([link.startswith(beginnings) for link in links])  # noqa: C419 - a generator takes twice as long
    return all(map(_PLAIN.match, links))


@lru_cache(maxsize=_REMEMBERED)  # a directory may have a million merchants
def _plain_beginnings(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """How most links to these hosts begin."""
    return tuple(f"{HTTPS}://{host}/" for host in _in_dns(hosts))


@lru_cache(maxsize=_REMEMBERED)
def link_problem(link: str, hosts: tuple[str, ...], schemes: frozenset[str]) -> str | None:
    """Why a push must not lead there; None if it may. `hosts` are the merchant's, any if there are none.

    `schemes` are those of apps that may be opened, in lower case.
    """
    if problem := _odd_characters(link):
        return problem
    beginning = _BEGINNING.match(link)
    if beginning is None:
        return "it has no scheme"
    scheme, rest = beginning[1].lower(), link[beginning.end() :]
    if scheme in NEVER_SCHEMES or (scheme != HTTPS and scheme not in schemes):
        return f"the scheme {printable(scheme, MAX_SHOWN)} is not allowed"
    if not rest.startswith("//"):
        return "it names no host" if scheme == HTTPS else _empty(rest)
    return _authority_problem(_END_OF_AUTHORITY.split(rest[2:], maxsplit=1)[0], hosts, is_web=scheme == HTTPS)


def _odd_characters(link: str) -> str | None:
    if not link.isprintable() or " " in link:
        odd = next(each for each in link if unicodedata.category(each) in _INVISIBLE)
        return f"the invisible character U+{ord(odd):04X} is in it"
    if "\\" in link:  # phones read it as a slash, others do not: https://evil.example\@shop.example
        return "a backslash is in it"
    return _hidden(link) if "%" in link else None


def _hidden(link: str) -> str | None:
    if _PERCENT_WITHOUT_CODE.search(link):
        return "a percent sign in it encodes nothing"
    for _ in range(MAX_DECODINGS):
        link = unquote(link)
        odd = next((each for each in link if unicodedata.category(each) in _CONTROL or each in _DIRECTION), None)
        if odd is not None:
            return f"the invisible character U+{ord(odd):04X} is encoded in it"
        if "\\" in link:
            return "a backslash is encoded in it"
    return None


def _empty(rest: str) -> str | None:
    return None if rest else "there is nothing behind its scheme"


def _authority_problem(authority: str, hosts: tuple[str, ...], *, is_web: bool) -> str | None:
    """Of an app's link only what looks like a host must be one of the merchant's: many have a page's name there."""
    if "@" in authority:
        return "it has user information before its host"
    if "%" in authority:
        return "its host is percent-encoded"
    name = _PORT.sub("", authority)
    if not name:
        return "it names no host" if is_web else None
    if not is_web and ("." not in name or not hosts):
        return None
    return _host_problem(name, hosts)


def _host_problem(name: str, hosts: tuple[str, ...]) -> str | None:
    host = _as_in_dns(name)
    if host is None:
        return f"{printable(name, MAX_SHOWN)} is no host"
    if hosts:
        return None if host in _in_dns(hosts) else f"{printable(host, MAX_SHOWN)} is no host of the merchant"
    return None if _PUBLIC_NAME.fullmatch(host) else f"{printable(host, MAX_SHOWN)} is no public host"


@lru_cache(maxsize=_REMEMBERED)  # a directory may have a million merchants
def _in_dns(hosts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(found for host in hosts if (found := _as_in_dns(host)) is not None)


def _as_in_dns(name: str) -> str | None:
    """In the letters of DNS, as browsers ask for it (IDNA 2008, UTS 46); None for a name that nobody can look up.

    A letter that looks like another one is another name: only equal names are equal here.
    """
    lowered = name.lower().removesuffix(".")
    if lowered.isascii() and "xn--" not in lowered:
        return lowered
    try:
        return idna.encode(name, uts46=True).decode().lower().removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        return None
