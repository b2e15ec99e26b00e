"""The one door for networks that push: it verifies, hands over, and says 200 when the log has it."""
