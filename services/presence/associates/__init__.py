"""Company: whose scores count for whom, computed once a day and written to the log."""
