"""The gateway: folds the topic of scores into a read model on disk and serves it over gRPC."""
