"""What KEDA and the HorizontalPodAutoscaler make of lags: `getTotalLag` of KEDA 2.21's Kafka scaler, and
`GetExternalPerPodMetricReplicas` of Kubernetes 1.36, without the policies that only delay a change.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE = 0.1  # of the autoscaler: a smaller difference changes nothing

Lags = Mapping[str, Sequence[int]]  # by topic, one for each partition


def lag_metric(lags: Sequence[int], trigger: Mapping[str, str]) -> int:
    """The sum, cut to what as many workers as partitions may have."""
    threshold, total = int(trigger["lagThreshold"]), sum(lags)
    is_cut = trigger.get("allowIdleConsumers", "false") == "false" and total // threshold > len(lags)
    return len(lags) * threshold if is_cut else total


def wanted_by_trigger(lags: Sequence[int], trigger: Mapping[str, str], running: int) -> int:
    metric, threshold = lag_metric(lags, trigger), int(trigger["lagThreshold"])
    if abs(metric / (threshold * running) - 1) <= TOLERANCE:
        return running
    return math.ceil(metric / threshold)


def workers_wanted(lags: Lags | None, scaled_object: Mapping[str, Any], running: int) -> int:
    """How many workers there should be; `lags` None: Kafka has not told them for longer than the fallback waits."""
    spec = scaled_object["spec"]
    if lags is None:
        return max(running, int(spec["fallback"]["replicas"]))
    triggers = [each["metadata"] for each in spec["triggers"]]
    most = max(wanted_by_trigger(lags[trigger["topic"]], trigger, running) for trigger in triggers)
    return int(min(max(most, spec["minReplicaCount"]), spec["maxReplicaCount"]))
