"""One module per network: what its native types mean, and how its frames come in. None knows the roster or Kafka."""
