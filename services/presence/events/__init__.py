"""The vocabulary of the log: what an event is, and what is refused. Standard library only."""
