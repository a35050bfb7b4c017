"""The icon of the page, one for each state: a browser's tab says how it is."""

from saving_alerts.dependencies import State

# Each has a shape of its own too, for who does not tell the colours apart.
_CHECK = '<path d="M8 17l5 5 11-12" fill="none" stroke="#fff" stroke-width="4"/>'
_MARK = '<path d="M16 7v11M16 22v4" stroke="#fff" stroke-width="4"/>'
_CROSS = '<path d="M9 9l14 14M23 9L9 23" stroke="#fff" stroke-width="4"/>'
_PAUSE = '<path d="M11 9v14M21 9v14" stroke="#fff" stroke-width="5"/>'
_LOOKS = {
    State.OK: ("#1b6e20", _CHECK),
    State.DEGRADED: ("#a35200", _MARK),
    State.NOT_READY: ("#b3261e", _CROSS),
    State.OFF: ("#4a4f57", _PAUSE),
}
SIGNS = {State.OK: "✓", State.DEGRADED: "!", State.NOT_READY: "✗", State.OFF: "⏸"}


def name_of(state: State) -> str:
    """As it stands in addresses and classes: `not-ready`."""
    return state.replace(" ", "-")


def icon(state: State) -> bytes:
    colour, shape = _LOOKS[state]
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    return f'{svg}<circle cx="16" cy="16" r="16" fill="{colour}"/>{shape}</svg>'.encode()
