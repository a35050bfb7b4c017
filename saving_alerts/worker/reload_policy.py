"""What the loader of reference data needs to know of the settings."""

from saving_alerts.reference_data.loader import ReloadPolicy
from saving_alerts.reference_data.merchants_file import MerchantsLimits
from saving_alerts.settings import Settings


def reload_policy(settings: Settings) -> ReloadPolicy:
    return ReloadPolicy(
        rules_key=settings.s3_rules_key,
        merchants_key=settings.s3_merchants_key,
        max_rules_bytes=settings.max_rules_bytes,
        rules_check_seconds=settings.rules_check_seconds,
        max_merchants_bytes=settings.max_merchants_bytes,
        merchants_limits=MerchantsLimits(settings.max_bad_merchant_lines, settings.max_merchant_lines),
        rules_need_approval=settings.rules_need_approval,
    )
