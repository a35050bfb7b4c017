"""First attempts of a push without a clear answer, for a share of the users of a load."""

from demo.stub_apis.faults import Behaviour

UNCLEAR_EVERY = 10
BEHAVIOURS = (
    Behaviour(fault="status", status=500, times=1),  # the push was not accepted
    Behaviour(fault="ambiguous_accepted", times=1),  # the push was accepted
)


def unclear_push(number: int) -> Behaviour | None:
    """The behaviour of the push API for user `number`: for every tenth, no clear answer to the first attempt."""
    return None if number % UNCLEAR_EVERY else BEHAVIOURS[number // UNCLEAR_EVERY % len(BEHAVIOURS)]
