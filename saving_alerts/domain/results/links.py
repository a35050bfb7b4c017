"""The decision's id in the link of a push, so that whoever opens it can say which push it was."""

PARAMETER_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"  # of the setting that names it: nothing that a link would have to encode
MAX_LINK_CHARACTERS = 1_024  # docs/contracts.md: of a coupon's link


def with_parameter(link: str, name: str | None, value: str) -> str:
    """The link with `name=value` in its query, before the fragment; nothing else of it changes.

    It stays as it is without a name, where it has this parameter already, where it would become too long, and where it
    has no `//`: what stands behind such a scheme is the app's own. Neither scheme nor host can change.
    """
    beginning, mark, fragment = link.partition("#")
    if name is None or "//" not in beginning or _has(beginning, name):
        return link
    _, begun, query = beginning.partition("?")
    sign = "?" if not begun else "&" if query and not query.endswith("&") else ""
    longer = f"{beginning}{sign}{name}={value}{mark}{fragment}"
    return link if len(longer) > MAX_LINK_CHARACTERS else longer


def _has(beginning: str, name: str) -> bool:
    query = beginning.partition("?")[2]
    return any(part.partition("=")[0] == name for part in query.split("&"))
