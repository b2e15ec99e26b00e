"""The day's tick: one CLOCK record for each partition of the log when a day has ended."""
