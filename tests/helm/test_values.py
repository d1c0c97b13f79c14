"""What the chart says of its values, without helm: schema, defaults, README, presets and copies agree."""

import json
import subprocess
import sys

import pytest
import yaml
from helm.charts import CHART, SIZES
from jsonschema import Draft7Validator
from tree import PYPROJECT, ROOT

SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
FILES = sorted(p.relative_to(CHART) for p in CHART.glob("**/values-*.yaml"))
OPEN, ROW = "judged by Kubernetes", "one row"


def objects(schema, path="values"):
    """(path, schema) of every object in a schema."""
    if schema.get("type") == "object":
        yield path, schema
    for name, piece in schema.get("properties", {}).items():
        yield from objects(piece, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from objects(schema["items"], f"{path}[]")


def leaves(values, schema, path=""):
    """Keys of values as far down as the schema names them."""
    for key, value in values.items():
        here = f"{path}{key}"
        piece = schema["properties"].get(key)
        yield here, piece
        if piece and isinstance(value, dict) and "properties" in piece:
            yield from leaves(value, piece, f"{here}.")


def merged(below, above):
    """Values as helm lays them over each other."""
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def test_what_is_made_is_current():
    """`python helm/generate.py` would change neither schema nor README nor the dashboards' copies."""
    ran = subprocess.run(
        [sys.executable, ROOT / "helm/generate.py", "--check"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (0, "") == (ran.returncode, ran.stdout + ran.stderr)


def test_the_schema_is_one():
    """It follows draft 7, which every helm 3 reads."""
    Draft7Validator.check_schema(SCHEMA)


def test_no_object_takes_a_key_that_it_does_not_name():
    """A key that is mistyped is refused at any depth; only labels and what Kubernetes judges are open."""
    loose = [
        path
        for path, schema in objects(SCHEMA)
        if schema.get("additionalProperties") not in (False, {"type": "string"})
        and schema.get("$comment") != OPEN
    ]
    assert [] == loose


def test_every_default_is_allowed_and_described():
    """values.yaml has nothing that the schema does not know, and every key of it has a meaning in the README."""
    assert [] == [e.message for e in Draft7Validator(SCHEMA).iter_errors(VALUES)]
    assert [] == [key for key, piece in leaves(VALUES, SCHEMA) if piece is None]
    readme = (CHART / "README.md").read_text("utf-8")
    missing, shown = [], set()
    for key, piece in leaves(VALUES, SCHEMA):
        if any(key.startswith(f"{row}.") for row in shown):
            continue
        if "properties" not in piece or piece.get("$comment") == ROW:
            shown.add(key)
            missing += [] if f"| `{key}` |" in readme else [key]
    assert len(shown) > 100
    assert [] == missing


def test_every_key_of_the_schema_has_a_default():
    """Whoever reads values.yaml sees all there is."""
    known = {key for key, _piece in leaves(VALUES, SCHEMA)}
    top = {k for k in SCHEMA["properties"] if k != "global"}
    assert set() == top - known


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_values_file_is_allowed(file):
    """Laid over the defaults, every preset and example keeps to the schema."""
    given = yaml.safe_load((CHART / file).read_text("utf-8"))
    errors = Draft7Validator(SCHEMA).iter_errors(merged(VALUES, given))
    assert [] == [f"{'.'.join(map(str, e.path))}: {e.message}" for e in errors]


def test_there_is_a_preset_for_every_size():
    """64 to 100,000 GPUs, each with its arithmetic and the commands that its figures come from."""
    for size in SIZES:
        text = (CHART / f"values-{size}.yaml").read_text("utf-8")
        for word in ("records a second", "partitions", "workers", "sinks", "shards", "a day"):
            assert word in text, (size, word)
        assert "`coldplate bench storage`" in text
        assert "`coldplate bench agent`" in text


def test_the_charts_version_is_the_programs():
    """A chart is released with the program that it installs."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    version = PYPROJECT["project"]["version"]
    assert (version, version) == (chart["version"], chart["appVersion"])
