"""Any score, of any day, by any model, from the log: read once in columns, spread over buckets of people, scored bucket by bucket."""
