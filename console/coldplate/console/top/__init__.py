"""`coldplate top`: this node's GPUs, live, without Kafka."""
