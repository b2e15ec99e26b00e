"""Ingest: what the networks say becomes events of the log. One process per network."""
