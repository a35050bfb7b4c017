"""All alerts, in the order of the files and of the runbook."""

from deploy.dependency_alerts import DEPENDENCIES
from deploy.flow_alerts import FLOW
from deploy.objective_alerts import OBJECTIVES

ALERTS = (*OBJECTIVES, *FLOW, *DEPENDENCIES)
