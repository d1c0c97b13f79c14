"""What ClickHouse is told: config.xml (the server) and users.xml (who may do what).

Users come from the file, because the library has no storage for users made by SQL. Every user may
connect from the loopback address alone.

coldplate_owner   all on the database, reads the system tables: schema and tests
coldplate_writer  inserts and selects
coldplate_reader  selects, readonly, with limits: Grafana and people

The library opens its ports by statements that it runs as `default`, from 127.0.0.1 and without a
password; there is no other way in. That user is useless to everybody else: any SELECT is deeper
than its `max_ast_depth`, and every other statement counts against a quota which the library's own
statements use up. Neither can be changed by the user.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from coldplate.console.stack.clickhouse_host import DATABASE, STATEMENTS
from coldplate.console.stack.ports import LOOPBACK

OWNER, WRITER, READER = "coldplate_owner", "coldplate_writer", "coldplate_reader"
GIB = 1024**3

# What a human looks at: data, its parts, and what the server does now; not users and their rights.
READABLE_SYSTEM = (
    *("asynchronous_metrics", "columns", "data_skipping_indices", "databases", "disks"),
    *("errors", "events", "merges", "metrics", "mutations", "parts", "parts_columns"),
    *("processes", "replicas", "settings", "tables", "view_refreshes", "build_options"),
)

SERVER = {
    "max_server_memory_usage": 4 * GIB,
    "mark_cache_size": 128 * 1024**2,
    "uncompressed_cache_size": 0,
    "index_mark_cache_size": 32 * 1024**2,
    "max_concurrent_queries": 100,
    "max_connections": 200,
    "max_thread_pool_size": 400,
    "max_thread_pool_free_size": 8,
    # For two cores: merges, and the many small timers.
    "background_pool_size": 2,
    "background_merges_mutations_concurrency_ratio": 2,
    "background_schedule_pool_size": 8,
    "background_common_pool_size": 2,
    "background_fetches_pool_size": 1,
    "background_move_pool_size": 1,
    "background_buffer_flush_schedule_pool_size": 1,
    "background_message_broker_schedule_pool_size": 2,
    "background_distributed_schedule_pool_size": 1,
    "tables_loader_foreground_pool_size": 2,
    "tables_loader_background_pool_size": 2,
}
# Server-wide, in `merge_tree`: with so few threads the defaults would keep some work from starting.
MERGE_TREE = {
    "number_of_free_entries_in_pool_to_execute_mutation": 2,
    "number_of_free_entries_in_pool_to_lower_max_size_of_merge": 2,
    "number_of_free_entries_in_pool_to_execute_optimize_entire_partition": 2,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings, those of them that a readonly user may lower, and those that nobody may change."""

    settings: Mapping[str, int]
    changeable_up_to: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


PROFILES = {
    "default": Profile({"max_threads": 2, "max_memory_usage": 2 * GIB}),
    "reader": Profile(
        {
            "readonly": 1,
            "max_threads": 2,
            "max_execution_time": 60,
            "max_memory_usage": 1 * GIB,
            "max_result_rows": 1_000_000,
            "max_result_bytes": 256 * 1024**2,
            # A day of 100,000 GPUs; refused before anything is read.
            "max_rows_to_read": 10_000_000_000,
        },
        changeable_up_to=("max_execution_time", "max_result_rows", "max_rows_to_read"),
    ),
    "boot": Profile({"max_ast_depth": 4}, fixed=("max_ast_depth",)),
}
GRANTS = {
    OWNER: (f"GRANT ALL ON {DATABASE}.*", "GRANT TABLE ENGINE ON *", "GRANT SELECT ON system.*"),
    WRITER: (f"GRANT SELECT, INSERT ON {DATABASE}.*",),
    READER: (
        f"GRANT SELECT, SHOW ON {DATABASE}.*",
        *(f"GRANT SELECT ON system.{table}" for table in READABLE_SYSTEM),
    ),
}
BOOT_GRANTS = (
    f"GRANT CREATE DATABASE ON {DATABASE}.*",
    "GRANT TABLE ENGINE ON Atomic",
    "GRANT SYSTEM LISTEN ON *.*",
    "GRANT CREATE TEMPORARY TABLE ON *.*",
)
FOR_EVER_S = 50 * 365 * 86_400


def config_xml(folder: Path, port: int, http_port: int, *, boot: bool) -> str:
    """The server's configuration, with its data in `folder`; `boot` as in `users_xml`."""
    rows: list[tuple[str, object]] = [
        ("listen_host", LOOPBACK),
        ("tcp_port", port),
        ("http_port", http_port),
        ("path", f"{folder / 'data'}/"),
        ("tmp_path", f"{folder / 'data' / 'tmp'}/"),
        ("user_files_path", f"{folder / 'user_files'}/"),
        ("users_config", folder / "users.xml"),
        ("default_profile", "default"),
        # A server makes its default database as Atomic, the library as Overlay, which can do less:
        # there it keeps another name, and a statement makes ours.
        ("default_database", "default" if boot else DATABASE),
        *SERVER.items(),
    ]
    body = "".join(_element(name, escape(str(value))) for name, value in rows)
    body += _element("logger", "<level>warning</level><console>true</console>")
    body += _element("merge_tree", "".join(_element(k, str(v)) for k, v in MERGE_TREE.items()))
    # Without it a constraint can only forbid, not allow, a readonly user to change a setting.
    improvements = _element("settings_constraints_replace_previous", "true")
    body += _element("access_control_improvements", improvements)
    # The logs of system tables (query_log and others) are off, because no element names them.
    return _element("clickhouse", "\n" + body)


def users_xml(passwords: Mapping[str, str], *, boot: bool) -> str:
    """Users, profiles and quotas; `boot` adds the user that the library starts with."""
    users = "".join(
        _user(
            name,
            _element("password_sha256_hex", hashlib.sha256(passwords[name].encode()).hexdigest()),
            "reader" if name == READER else "default",
            "default",
            grants,
        )
        for name, grants in GRANTS.items()
    )
    quotas = "<default/>"
    if boot:
        users += _user("default", "<no_password/>", "boot", "boot", BOOT_GRANTS)
        limit = _element("duration", str(FOR_EVER_S)) + _element("queries", str(len(STATEMENTS)))
        quotas += _element("boot", _element("interval", limit))
    profiles = "".join(_element(name, _profile(profile)) for name, profile in PROFILES.items())
    body = _element("profiles", profiles) + _element("quotas", quotas) + _element("users", users)
    return _element("clickhouse", body)


def _profile(profile: Profile) -> str:
    settings = "".join(_element(name, str(value)) for name, value in profile.settings.items())
    limits = "".join(
        _element(name, f"<changeable_in_readonly/><min>1</min><max>{profile.settings[name]}</max>")
        for name in profile.changeable_up_to
    )
    limits += "".join(_element(name, "<readonly/>") for name in profile.fixed)
    return settings + _element("constraints", limits)


def _user(name: str, password: str, profile: str, quota: str, grants: tuple[str, ...]) -> str:
    networks = _element("networks", _element("ip", LOOPBACK))
    rights = _element("grants", "".join(_element("query", grant) for grant in grants))
    return _element(
        name, password + networks + _element("profile", profile) + _element("quota", quota) + rights
    )


def _element(name: str, body: str) -> str:
    return f"<{name}>{body}</{name}>\n"
