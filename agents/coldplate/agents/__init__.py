"""The node daemon: collectors sample on whole ticks, a framer makes frames, a publisher sends them to Kafka."""
