# ruff: noqa: INP001 (a script that is copied into an image, and no package)
"""`healthy.py scoring|gateway`: exit code 0 if the service of this container does its work, else 1 and why.

A container's health check; a process that lives says nothing of whether it serves.
"""

import os
import sys

from presence.log.settings import Settings

TIMEOUT_S = 5


def scoring(settings: Settings) -> str | None:
    """What is wrong, None if the group of workers counts this one in; one that hangs falls out within its session."""
    from kafka import KafkaAdminClient  # noqa: PLC0415 (each image has the packages of its own service)

    group = f"{settings.namespace}.scoring"
    admin = KafkaAdminClient(**settings.kafka_options(), bootstrap_timeout_ms=TIMEOUT_S * 1000)
    try:
        found = admin.describe_groups([group])[group]
    finally:
        admin.close()
    here = any(member["group_instance_id"] == settings.worker for member in found["members"])
    return (
        None if found["group_state"] == "Stable" and here else f"{group} is {found['group_state']} without us"
    )


def gateway(settings: Settings) -> str | None:
    """What is wrong, None if it has caught up with the scores and serves them."""
    import grpc  # noqa: PLC0415 (as above)
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    port = settings.gateway.rpartition(":")[2]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        asked = health_pb2.HealthCheckRequest()
        answer = health_pb2_grpc.HealthStub(channel).Check(asked, timeout=TIMEOUT_S)
    serves = answer.status == health_pb2.HealthCheckResponse.SERVING
    return (
        None
        if serves
        else f"the gateway is {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}"
    )


if __name__ == "__main__":
    check = {"scoring": scoring, "gateway": gateway}[sys.argv[1]]
    sys.exit(check(Settings.from_env(os.environ)))
