"""Conduct: what a moderator finds in a text, and what people decide about findings. Knows no network and no service."""
