"""Every error of Presence, split by who must react to it."""


class PresenceError(Exception):
    """What all errors of Presence have in common: a message for the one who must react."""


class InvalidEvent(PresenceError):
    """The source sent something unusable: dead-letter it with the reason, count it, go on.

    `reason` is one short snake_case word for counting; the message says more. Neither
    may quote the content, which can be personal.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason


class RetryLater(PresenceError):
    """The far side asks us to wait: the runtime pauses, then tries again."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class SourceUnavailable(PresenceError):
    """A network or the broker is out of reach: retry, bounded, then alert."""


class CallerError(PresenceError):
    """The caller asked for something that cannot be: a gRPC status, or exit code 2."""


class InvariantBroken(PresenceError):
    """Our own data or code is wrong: stop loudly, commit nothing."""
