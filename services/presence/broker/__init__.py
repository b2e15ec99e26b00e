"""Apache Kafka itself, embedded: one real broker on a machine that has only Python.

broker = Broker(Path("data/broker"))
print(broker.start().bootstrap)    # 127.0.0.1:24817; downloads 44 MB the first time
broker.stop()
"""

from presence.broker.errors import (
    BrokerBusy,
    BrokerDied,
    BrokerError,
    DownloadFailed,
    FolderNotWritable,
    JavaMissing,
    PortTaken,
)
from presence.broker.progress import Progress, ProgressListener, Step
from presence.broker.server import Broker, BrokerStatus

__all__ = [
    "Broker",
    "BrokerBusy",
    "BrokerDied",
    "BrokerError",
    "BrokerStatus",
    "DownloadFailed",
    "FolderNotWritable",
    "JavaMissing",
    "PortTaken",
    "Progress",
    "ProgressListener",
    "Step",
]
