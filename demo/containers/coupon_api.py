"""The stub Coupon API of the cluster: its answer depends on the merchant only, so a restart forgets nothing."""

from random import Random

from demo.stub_apis.coupon_api import CouponApi, Coupons
from demo.stub_apis.http_server import address_parser, serve_until_signalled
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS

GENEROUS, STINGY = MERCHANTS[1], MERCHANTS[2]


def coupons_of(user_id: str, merchant_id: str) -> Coupons:
    """Everybody can save at every merchant, but at the stingy one there is no coupon."""
    if merchant_id == STINGY.merchant_id:
        return 404
    merchant = next((each for each in MERCHANTS if each.merchant_id == merchant_id), GENEROUS)
    return [good_coupon(Random(f"{user_id}:{merchant_id}"), merchant)]


def main() -> None:
    example = "python -m demo.containers.coupon_api --host 0.0.0.0 --port 8080"
    arguments = address_parser("demo.containers.coupon_api", __doc__ or "", example).parse_args()
    serve_until_signalled(CouponApi(coupons_of, host=arguments.host, port=arguments.port))


if __name__ == "__main__":
    main()
