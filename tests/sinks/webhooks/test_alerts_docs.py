"""docs/alerts.md lists every key with its default, and every field of a template, and no other."""

import re

import msgspec
import pytest
from tree import ROOT

from coldplate.sinks.webhooks.config import Heartbeat, Http, Links, Receiver, Route
from coldplate.sinks.webhooks.formats.template import FIELDS
from coldplate.sinks.webhooks.labels import NAMES
from coldplate.sinks.webhooks.load import KINDS

PAGE = (ROOT / "docs/alerts.md").read_text("utf-8")
PARTS = re.split(r"^##+ (.+)\n", PAGE, flags=re.MULTILINE)
SECTIONS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
TABLES = {
    "Every receiver": Receiver, "Every receiver that speaks HTTP": Http, "Routes": Route, "Heartbeat": Heartbeat,
    "Links": Links, **{f"`{word}`": kind for word, kind in KINDS.items()},
}  # fmt: skip


def rows(section, columns):
    """Cells of a section's tables of so many columns, without their heads."""
    found = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in SECTIONS[section].splitlines()
        if line.startswith("| `")
    ]
    return [row for row in found if len(row) == columns]


def own(kind):
    """Its fields with their defaults as TOML; those of what it follows from have tables of their own."""
    bases = [
        b for b in kind.__mro__[1:] if issubclass(b, msgspec.Struct) and b is not msgspec.Struct
    ]
    above = {f for base in bases for f in base.__struct_fields__}
    fields = [f for f in msgspec.structs.fields(kind) if f.name not in above]
    return {f.name: "required" if f.required else f"`{toml(f)}`" for f in fields}


def toml(field):
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory()
    if isinstance(value, float):
        return f"{value:.10g}"
    text = msgspec.json.encode(value).decode()
    return text.replace(",", ", ")


@pytest.mark.parametrize("section", TABLES)
def test_every_key_is_listed_with_its_default(section):
    """In the order of the code, each with a meaning."""
    found = rows(section, 3)
    assert own(TABLES[section]) == {key.strip("`"): default for key, default, _ in found}
    assert [] == [key for key, _, meaning in found if len(meaning) < 5]


def test_every_field_of_a_template_is_listed():
    """With the words of the code."""
    assert [[f"`{name}`", words] for name, words in FIELDS.items()] == rows("`template`", 2)


def test_every_label_is_named_and_the_example_is_linked():
    """What routes see, and where to begin."""
    assert [] == [name for name in NAMES if f"`{name}`" not in SECTIONS["Routes"]]
    assert "(alerts.example.toml)" in PAGE
