"""Presence: a running, explained score of how people and businesses come across."""
