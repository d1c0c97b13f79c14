"""Temporary: real servers until tests/conftest.py has them."""

import pytest

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory):
    state = StateDir(tmp_path_factory.mktemp("sinks") / "state")
    parts, found = local_servers(state, Cache.default())
    with Supervisor(state, parts) as supervisor:
        supervisor.wait_healthy(60)
        yield found


@pytest.fixture(scope="session")
def clickhouse_url(endpoints):
    return endpoints.clickhouse_owner


@pytest.fixture(scope="session")
def kafka_bootstrap(endpoints):
    return endpoints.kafka
