"""The scoring model: a pure core that turns the log into integer state, and state into explained scores.

It reads no clock, no environment, no network and uses no randomness; the only file it opens is a model
file. It may import `presence.events`, numpy, polars and msgspec, and nothing else.
"""
