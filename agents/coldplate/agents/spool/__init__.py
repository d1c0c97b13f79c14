"""A log on disk of what waits for Kafka: it survives the process, and most of what may happen to the disk."""
