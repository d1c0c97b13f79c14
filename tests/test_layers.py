"""Who may import whom: a part imports `wire` and itself, each driver has its few files."""

import ast
import sys

import pytest
from tree import PARTS, ROOT

MAY_IMPORT = {
    "wire": {"wire"},
    "agents": {"agents", "wire"},
    # The twin offers a collector, so it may know what one is.
    "twin": {"twin", "wire", "agents.collector"},
    "streams": {"streams", "wire"},
    "sinks": {"sinks", "wire"},
    "dashboards": {"dashboards", "wire"},
    "console": set(PARTS),
}
DRIVERS = {
    "pynvml": {
        "agents/coldplate/agents/nvml/driver.py",
        "twin/coldplate/twin/nvml/install.py",
    },
    "kafka": {
        "agents/coldplate/agents/follow.py",
        "agents/coldplate/agents/plant/lease_log.py",
        "agents/coldplate/agents/publisher.py",
        "agents/coldplate/agents/standing.py",
        "agents/coldplate/agents/topics.py",
        "sinks/coldplate/sinks/consumer.py",
        "sinks/coldplate/sinks/webhooks/reader.py",
    },
    "aiokafka": {
        "console/coldplate/console/benching/bulk.py",
        "streams/coldplate/streams/app.py",
        "streams/coldplate/streams/cluster/service.py",
        "streams/coldplate/streams/looking_back.py",
        "streams/coldplate/streams/membership.py",
        "streams/coldplate/streams/parting.py",
        "streams/coldplate/streams/reading.py",
        "streams/coldplate/streams/tail.py",
        "streams/coldplate/streams/worker.py",
    },
    "faust": {
        "streams/coldplate/streams/app.py",
        "streams/coldplate/streams/worker.py",
    },
    "clickhouse_driver": {"sinks/coldplate/sinks/client.py"},
    "grafana_api": {"dashboards/coldplate/dashboards/grafana.py"},
    "aiohttp": {
        "console/coldplate/console/benching/web_viewers.py",
        "dashboards/coldplate/dashboards/web/answering.py",
        "dashboards/coldplate/dashboards/web/app.py",
        "dashboards/coldplate/dashboards/web/connections.py",
        "dashboards/coldplate/dashboards/web/guard.py",
        "dashboards/coldplate/dashboards/web/refusals.py",
        "dashboards/coldplate/dashboards/web/sending.py",
        "dashboards/coldplate/dashboards/web/viewer.py",
        "sinks/coldplate/sinks/webhooks/transports/http.py",
    },
    "cryptography": {
        "console/coldplate/console/benching/security_certificates.py",
        "console/coldplate/console/commission/signing.py",
    },
    "h2": {"agents/coldplate/agents/jobs/grpc.py"},
    "pymodbus": {"agents/coldplate/agents/modbus/client.py"},
}


def imports(part):
    """(file, imported module) of every import statement of a part, those inside functions too."""
    for path in sorted((ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                # `from coldplate import sinks` imports a part as well.
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            else:
                continue
            yield from ((str(path.relative_to(ROOT)), name) for name in names)


def within(module, allowed):
    """Whether a module of ours is one of the allowed ones or inside of one."""
    return any(f"{module}.".startswith(f"coldplate.{name}.") for name in allowed)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_only_what_stands_below_it(part):
    """No arrow goes sideways or up; only console knows everybody."""
    ours = [(f, m) for f, m in imports(part) if m.startswith("coldplate.")]
    assert [] == [(f, m) for f, m in ours if not within(m, MAY_IMPORT[part])]


def test_wire_needs_msgspec_and_numpy_alone():
    """The contract can be read by whoever has these two."""
    tops = {module.partition(".")[0] for _, module in imports("wire")}
    assert {"msgspec", "numpy", "coldplate"} == tops - sys.stdlib_module_names


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_is_imported_by_its_own_files_alone(driver):
    """What a driver raises and returns stops there."""
    found = {f for part in PARTS for f, m in imports(part) if m.partition(".")[0] == driver}
    assert DRIVERS[driver] == found
