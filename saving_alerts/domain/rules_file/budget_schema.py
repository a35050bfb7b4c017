"""Budgets in the rules file, of a merchant and of a rule. The docstrings stand in the JSON Schema."""

from typing import Annotated

from pydantic import AfterValidator, Field

from saving_alerts.domain.budgets import MAX_PUSHES_PER_DAY
from saving_alerts.domain.opening_hours import MAX_HOURS_CHARACTERS
from saving_alerts.domain.rules_file.field_checks import check_hours, check_timezone
from saving_alerts.domain.rules_file.schema_model import Document

MAX_MERCHANT_BUDGETS = 1_000  # as many entries as anything in a rules file has
MAX_MERCHANT_ID_CHARACTERS = 128  # as in an event
MerchantId = Annotated[str, Field(min_length=1, max_length=MAX_MERCHANT_ID_CHARACTERS, examples=["m-123"])]


class BudgetDocument(Document):
    """At most so many pushes a day, spread over the open hours: part by part, as they pass."""

    pushes_per_day: int = Field(ge=1, le=MAX_PUSHES_PER_DAY, strict=True, examples=[500])
    """From midnight to midnight. What one part does not use is there for the next ones."""
    timezone: Annotated[str, Field(max_length=64), AfterValidator(check_timezone)] | None = Field(
        default=None, examples=["Europe/Berlin"]
    )
    """Whose midnight. Without it that of the merchant's stores, if they have one in common, else UTC's."""
    hours: Annotated[str, Field(max_length=MAX_HOURS_CHARACTERS), AfterValidator(check_hours)] | None = Field(
        default=None, examples=["Mo-Sa 09:00-20:00"]
    )
    """Over which hours it is spread. Without it when one of the merchant's stores is open, else all day."""
