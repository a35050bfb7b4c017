"""Which deployment a command is about."""

from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.kafka.unpacking_limit import limit_unpacking
from saving_alerts.settings import Settings, SettingsRefusedError, read_settings


def settings_or_exit() -> Settings:
    """The settings, or a clean end that names what is missing. From here on the process unpacks as they allow."""
    try:
        settings = read_settings()
    except SettingsRefusedError as error:
        raise CommandRefusedError(*str(error).split("\n")) from error
    limit_unpacking(settings.max_unpacked_bytes)
    return settings
