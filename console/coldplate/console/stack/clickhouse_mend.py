"""Makes ClickHouse forget inserts that it noted but did not store, then becomes the server.

    python -I -S clickhouse_mend.py DATA [PROGRAM ARGUMENT...]

A table that is not replicated writes an insert's deduplication token into its log, and then renames the part from
`tmp_insert_NAME` to `NAME` (26.7). Killed between the two, it starts with the token and removes the part: the same
insert, sent again, would be dropped as a repeat, and its rows be lost. What the kill leaves tells exactly: a token whose
part is not there, and its folder under the other name. Such tokens are taken back in the log's own way, by a line that
drops them. It must be done before the server starts, which removes the folder.

Run as a file and without site-packages, as `child.py`.
"""

import os
import sys
from pathlib import Path

ADDED, DROPPED = "1", "2"
UNFINISHED = "tmp_insert_"
CANNOT_START = 126


def mend(data: Path) -> list[str]:
    """Take such tokens back in every table below a server's data folder; the parts' folders."""
    return [
        str(part)
        for logs in data.glob("store/*/*/deduplication_logs")
        for part in _mend_table(logs)
    ]


def _mend_table(logs: Path) -> list[Path]:
    table = logs.parent
    if not any(table.glob(f"{UNFINISHED}*")):
        return []
    files = sorted(
        logs.glob("deduplication_log_*.txt"), key=lambda f: int(f.stem.rpartition("_")[2])
    )
    part_of: dict[str, str] = {}
    for file in files:
        for line in file.read_text().splitlines():
            operation, part, token = line.split("\t")
            if operation == ADDED:
                part_of[token] = part
            else:
                part_of.pop(token, None)
    lost = {
        token: part
        for token, part in part_of.items()
        if (table / f"{UNFINISHED}{part}").is_dir() and not (table / part).exists()
    }
    if lost:
        with files[-1].open("a") as log:
            log.writelines(f"{DROPPED}\t{part}\t{token}\n" for token, part in lost.items())
    return [table / part for part in lost.values()]


def main(argv: list[str]) -> int:
    """Returns 0 where no program is named; with one it never returns when all is well."""
    data, *program = argv
    for part in mend(Path(data)):
        sys.stderr.write(f"{part} was noted but not stored: its insert will be taken again\n")
    sys.stderr.flush()
    if not program:
        return 0
    try:
        os.execvp(program[0], program)
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        return CANNOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
