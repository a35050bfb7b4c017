"""What serves several modules."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.secured_kafka import SecuredDeployment, secured_kafka
from tests.kafka_cluster.libraries import require_java_and_maven


@pytest.fixture(scope="module")  # not longer: worlds share their S3, which ends with the first of them
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredDeployment]:
    """A deployment on a Kafka with TLS, logins and ACLs."""
    require_java_and_maven()
    with secured_kafka(tmp_path_factory.mktemp("certificates")) as kafka, SecuredDeployment(kafka) as deployment:
        yield deployment
