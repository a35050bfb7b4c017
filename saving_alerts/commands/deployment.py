"""Which deployment a command is about."""

from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.settings import Settings, SettingsRefusedError, read_settings


def settings_or_exit() -> Settings:
    """The settings, or a clean end that names what is missing."""
    try:
        return read_settings()
    except SettingsRefusedError as error:
        raise CommandRefusedError(str(error)) from error
