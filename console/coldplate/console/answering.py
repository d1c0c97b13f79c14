"""Answers as a table, JSON, CSV or parquet, on stdout or into a file."""

import csv
import io
import json
import sys
from pathlib import Path

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import plain, print_json, print_table
from coldplate.console.querying import Answer

FORMATS = ("table", "json", "csv", "parquet")


def show(answer: Answer, form: str, out: Path | None) -> None:
    """Print or write it.

    Raises
    ------
    Failure
        The file cannot be written, or parquet is to go to a terminal.
    """
    if out is None:
        _print(answer, form)
        return
    try:
        if form == "parquet":
            _parquet(answer, out)
        else:
            out.write_text(_text(answer, form), "utf-8")
    except OSError as error:
        raise Failure(f"{out}: {error.strerror or error}", BAD_INPUT) from None


def _print(answer: Answer, form: str) -> None:
    if form == "parquet":
        raise Failure("parquet is no text: name a file with --out FILE", BAD_INPUT)
    if form == "json":
        print_json({"columns": answer.columns, "rows": [list(r) for r in answer.rows]})
    elif form == "csv":
        sys.stdout.write(_text(answer, form))
    else:
        print_table(answer.columns, answer.rows)


def _text(answer: Answer, form: str) -> str:
    if form == "json":
        value = {"columns": answer.columns, "rows": [list(r) for r in answer.rows]}
        return json.dumps(plain(value)) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", delimiter="," if form == "csv" else "\t")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)
    return text.getvalue()


def _parquet(answer: Answer, out: Path) -> None:
    """A column a column; one that holds only NULL is of type null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(zip(*answer.rows, strict=True)) or [()] * len(answer.columns)
    pq.write_table(pa.table(dict(zip(answer.columns, map(list, columns), strict=True))), out)
