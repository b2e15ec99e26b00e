"""Chaos: scoring under faults, held against an independent fold of its log. Knows scoring from outside only."""
