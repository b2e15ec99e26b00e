"""Write `jars.lock`, the list of jars that make up the broker. A maintainer's tool.

To move to another Kafka:

1. Change `COORDINATES` below, and the image's tag in docker-compose.yml.
2. `.venv/bin/python -m presence.broker.relock`, and read what `git diff` says of `jars.lock`: versions, no surprises.
3. `.venv/bin/pytest tests/unit/broker tests/integration/test_broker.py`, and commit the lock with the change.

Users never run it: they download exactly what the lock names, checked by SHA-256. Resolving takes some eighty small
requests and twenty seconds, and would trust whatever is served that day. The lock names paths, never hosts.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from presence.broker.jars import LOCK_PATH

# The `!` keeps a coordinate from being read as a bill of materials. Without it the versions that log4j's own build
# manages win, and Kafka 4 is given kafka-clients 3.8.
COORDINATES = (
    "org.apache.kafka:kafka_2.13:4.1.1!",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3!",
)


def lock_lines(repository: Path) -> list[str]:
    """One line `sha256 bytes path` per jar, sorted by path; the jars are downloaded into the folder `repository`."""
    context = MavenContext(repo_cache=repository, timeout=60)
    dependencies = [context.create_dependency(coordinate) for coordinate in COORDINATES]
    wanted, transitive = context.resolver.resolve(dependencies)
    jars = [dependency.artifact.resolve() for dependency in (*wanted, *transitive)]
    return sorted((_lock_line(jar, repository) for jar in jars), key=lambda line: line.split()[2])


def _lock_line(jar: Path, repository: Path) -> str:
    content = jar.read_bytes()
    return f"{hashlib.sha256(content).hexdigest()} {len(content)} {jar.relative_to(repository).as_posix()}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = lock_lines(Path(folder))
    LOCK_PATH.write_text("".join(f"{line}\n" for line in lines))
    sys.stdout.write(f"{LOCK_PATH}: {len(lines)} jars\n")


if __name__ == "__main__":
    main()
