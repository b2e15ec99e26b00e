"""Whole batches between the log and the model, without I/O: decoded, cut at ticks, closed, packed, put into messages.

What live scoring and replay call alike, so that both make the same bytes of the same records.
"""
