"""The activity log as Parquet files, by day and partition: written by a service, read by the replay and by anybody's tools."""
