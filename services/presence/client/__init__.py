"""The typed client of the gateway.

from presence.client import Client

with Client("127.0.0.1:50051") as client:
    print(client.get_score("p_...").presence)     # millipoints, 0 to 100_000
    for update in client.watch():                  # goes on by itself after a restart of the gateway
        print(update.scores)
"""

from presence.client.access import Access
from presence.client.client import Batch, Client
from presence.client.errors import (
    Busy,
    CallFailed,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    NotPermitted,
    ResumeTokenUnknown,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Violation,
)
from presence.client.score import AccountShares, Pillars, Reason, Score
from presence.client.watch import Update, Watch

__all__ = [
    "Access",
    "AccountShares",
    "Batch",
    "Busy",
    "CallFailed",
    "Client",
    "DeadlineExceeded",
    "InvalidArgument",
    "NotFound",
    "NotPermitted",
    "Pillars",
    "Reason",
    "ResumeTokenUnknown",
    "Score",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Update",
    "Violation",
    "Watch",
]
