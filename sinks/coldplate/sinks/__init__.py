"""Kafka to ClickHouse: frames, events, anomalies, incidents, actions and baselines, each in the history exactly once.

Also the schema with its migrations, the inventory's way into the history, and the client that reads it.
"""
