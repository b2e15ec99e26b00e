"""The bounds of the receiver, in one place; each guards against a sender that is hostile, slow, or many."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, bytes and numbers; the defaults are chosen for networks that give up after 5 to 10 s."""

    head_bytes_max: int = 65_536
    """Of a request's line and headers, and of its trailers."""
    head_timeout_s: float = 5.0
    body_bytes_max: int = 4 * 2**20
    """A frame of more than 1 MB is a dead letter anyway."""
    body_timeout_s: float = 10.0
    bodies_bytes_max: int = 64 * 2**20
    """Of all bodies that are being read, and of those that the broker has not acknowledged, each."""
    unacknowledged_max: int = 4_096
    """Frames of one network; then 503."""
    ack_timeout_s: float = 5.0
    """How long a sender waits for the broker; then 503."""
    connections_max: int = 1_024
    retry_after_s: int = 5
    linger_s: float = 2.0
    """How long the rest of a refused body is read and dropped, so that its sender sees the answer."""
    stop_s: float = 2.0
    """How long requests may go on after SIGTERM."""
