"""The typed client of the gateway.

from presence.client import Client

with Client("127.0.0.1:50051") as client:
    print(client.get_score("p_...").presence)     # millipoints, 0 to 100_000
    for update in client.watch():                  # goes on by itself after a restart of the gateway
        print(update.scores)

`AsyncClient` is the same for asyncio.
"""

from presence.client.access import Access
from presence.client.acts import Act, Acts
from presence.client.answers import (
    Batch,
    Change,
    Closing,
    Company,
    Explanation,
    Page,
    Point,
    Rank,
    Ranked,
    Simulation,
)
from presence.client.asynchronous import AsyncClient, AsyncWatch
from presence.client.client import Client
from presence.client.errors import (
    Busy,
    CallFailed,
    DeadlineExceeded,
    InvalidArgument,
    LinksSealed,
    NotFound,
    NotPermitted,
    ResumeTokenCompacted,
    ResumeTokenUnknown,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Violation,
)
from presence.client.findings import Finding
from presence.client.questions import HypotheticalAct
from presence.client.score import AccountShares, Pillars, Reason, Score
from presence.client.watch import Update, Watch

__all__ = [
    "Access",
    "AccountShares",
    "Act",
    "Acts",
    "AsyncClient",
    "AsyncWatch",
    "Batch",
    "Busy",
    "CallFailed",
    "Change",
    "Client",
    "Closing",
    "Company",
    "DeadlineExceeded",
    "Explanation",
    "Finding",
    "HypotheticalAct",
    "InvalidArgument",
    "LinksSealed",
    "NotFound",
    "NotPermitted",
    "Page",
    "Pillars",
    "Point",
    "Rank",
    "Ranked",
    "Reason",
    "ResumeTokenCompacted",
    "ResumeTokenUnknown",
    "Score",
    "Simulation",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Update",
    "Violation",
    "Watch",
]
