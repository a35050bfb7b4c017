"""The settings as what the DogStatsD adapter takes: where the agent is, and the tags of every metric."""

from saving_alerts import __version__
from saving_alerts.adapters.datadog import DatadogPolicy
from saving_alerts.settings import Settings


def datadog_policy(settings: Settings) -> DatadogPolicy | None:
    """None where no agent is named."""
    if settings.statsd_host is None and settings.statsd_socket is None:
        return None
    return DatadogPolicy(
        host=settings.statsd_host or "",
        port=settings.statsd_port,
        socket_path=settings.statsd_socket,
        constant_tags=constant_tags(settings),
    )


def constant_tags(settings: Settings) -> dict[str, str]:
    """Datadog's unified service tags (`env`, `service`, `version`), the worker's name, and tags of the operator's own.

    What the operator sets does not take the place of a tag of ours: dashboards and monitors ask for those.
    """
    own = (tag.partition(":") for tag in (settings.statsd_tags or "").split(",") if tag)
    return {
        **{name: value for name, _, value in own},
        **({"env": settings.statsd_env} if settings.statsd_env else {}),
        "service": settings.statsd_service,
        "version": __version__,
        "worker": settings.worker_name,
    }
