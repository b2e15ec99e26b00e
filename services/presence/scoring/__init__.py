"""The scoring service: folds the activity log into state, evaluates who changed, publishes scores."""
