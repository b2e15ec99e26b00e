"""The log: Kafka's topics, the codec between bytes and events, settings."""
