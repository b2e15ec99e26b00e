# ruff: noqa: INP001 (a script that is copied into an image, and no package)
"""The health check of the scoring container: exit code 0 if its worker is in its group, else 1 and why.

A process that lives says nothing of whether it works. A worker that hangs falls out of the group within its session.
"""

import os
import sys

from kafka import KafkaAdminClient

from presence.log.settings import Settings

TIMEOUT_MS = 5_000


def trouble(settings: Settings) -> str | None:
    """What is wrong with the worker of these settings, None if nothing is."""
    group = f"{settings.namespace}.scoring"
    admin = KafkaAdminClient(**settings.kafka_options(), bootstrap_timeout_ms=TIMEOUT_MS)
    try:
        found = admin.describe_groups([group])[group]
    finally:
        admin.close()
    here = any(member["group_instance_id"] == settings.worker for member in found["members"])
    return (
        None if found["group_state"] == "Stable" and here else f"{group} is {found['group_state']} without us"
    )


if __name__ == "__main__":
    sys.exit(trouble(Settings.from_env(os.environ)))
