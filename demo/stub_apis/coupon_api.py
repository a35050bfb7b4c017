"""A stub of the Coupon API: answers from a catalogue what a user could save at a merchant."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import msgspec
from aiohttp import web

from demo.stub_apis.faults import Fault
from demo.stub_apis.http_server import LOOPBACK, address_parser, serve_until_signalled
from demo.stub_apis.responses import Answer, problem
from demo.stub_apis.stub import ApiStub, Received, utc_now

PATH = "/users/{user_id}/merchants/{merchant_id}/coupons"
USER_AGENT_PREFIX = "saving-alerts/"
TOO_MANY_COUPONS = 201

Coupon = Mapping[str, object]
Coupons = Sequence[Coupon] | int
Catalogue = Callable[[str, str], Coupons]


class CatalogueEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of a catalogue file: coupons, or the status code to answer with."""

    user_id: str
    merchant_id: str
    coupons: list[dict[str, object]] | int


def catalogue_of(coupons: Mapping[tuple[str, str], Coupons]) -> Catalogue:
    """A catalogue from (user id, merchant id); 404 for a pair it does not have."""
    return lambda user_id, merchant_id: coupons.get((user_id, merchant_id), 404)


def read_catalogue(path: Path) -> Catalogue:
    """Reads a JSON list of catalogue entries; raises msgspec.ValidationError naming what is wrong."""
    entries = msgspec.json.decode(path.read_bytes(), type=list[CatalogueEntry])
    return catalogue_of({(entry.user_id, entry.merchant_id): entry.coupons for entry in entries})


def some_coupon(merchant_id: str, number: int) -> dict[str, object]:
    """A valid coupon, good for a long time in every store."""
    return {
        "coupon_id": f"c-{number}",
        "merchant_id": merchant_id,
        "title": {"de": "Zehn Prozent", "en": "Ten percent off"},
        "discount": {"kind": "percent", "amount": 10, "currency": None},
        "valid_from": "2020-01-01T00:00:00Z",
        "valid_until": "2099-12-31T23:59:59Z",
        "channel": "both",
        "store_ids": [],
        "remaining": 100,
        "redeemed": False,
        "deep_link": f"https://app.example/merchants/{merchant_id}/coupons/c-{number}",
    }


class CouponApi(ApiStub):
    """The stub; `coupons` may be exchanged while it serves, and is called in the stub's own thread."""

    unsupported_faults: ClassVar[frozenset[Fault]] = frozenset({"accepts_late"})
    contract_headers: ClassVar[tuple[str, ...]] = ("Accept", "User-Agent")

    def __init__(
        self, coupons: Catalogue, *, host: str = LOOPBACK, port: int = 0, clock: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__(host=host, port=port, clock=clock)
        self.coupons = coupons

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_route("*", PATH, self.handle)

    def user_id_of(self, received: Received) -> str | None:
        return received.request.match_info.get("user_id")

    def respond(self, received: Received, fault: Fault) -> Answer:
        violation = _violation(received.request)
        if violation:
            return self.reject(violation)
        user_id, merchant_id = (received.request.match_info[name] for name in ("user_id", "merchant_id"))
        if fault == "too_many":
            many = [some_coupon(merchant_id, number) for number in range(TOO_MANY_COUPONS)]
            return Answer(200, msgspec.json.encode(many))
        coupons = self.coupons(user_id, merchant_id)
        if isinstance(coupons, int):
            return problem(coupons, f"status {coupons} by the catalogue")
        return Answer(200, msgspec.json.encode(coupons))


def _violation(request: web.Request) -> str | None:
    if request.method != "GET" or "user_id" not in request.match_info:
        return f"{request.method} {request.path} is not GET {PATH}"
    if request.headers.get("Accept") != "application/json":
        return f"Accept is {request.headers.get('Accept')}, not application/json"
    if not request.headers.get("User-Agent", "").startswith(USER_AGENT_PREFIX):
        return f"User-Agent is {request.headers.get('User-Agent')}, it must begin with {USER_AGENT_PREFIX}"
    return None


def _arguments() -> argparse.Namespace:
    example = "python -m demo.stub_apis.coupon_api --host 0.0.0.0 --port 8080 --coupons coupons.json"
    parser = address_parser("demo.stub_apis.coupon_api", __doc__ or "", example)
    parser.add_argument(
        "--coupons",
        type=Path,
        help='JSON: [{"user_id": "u-1", "merchant_id": "m-1", "coupons": [...] or a status code}, ...]; '
        "404 for all others (default: 404 for all)",
    )
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    coupons = read_catalogue(arguments.coupons) if arguments.coupons else catalogue_of({})
    serve_until_signalled(CouponApi(coupons, host=arguments.host, port=arguments.port))


if __name__ == "__main__":
    main()
