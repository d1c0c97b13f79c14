"""The local stack: real Kafka and real ClickHouse on one machine, under one supervisor.

Importing any module of this package starts nothing and imports no driver, so that `coldplate --help`
stays fast and a machine without the extra `local` can still use `doctor`.
"""
