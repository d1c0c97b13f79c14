"""Lines of what stands in a TOML file."""

import pytest

from coldplate.wire.toml_lines import TomlLines

TEXT = """\
# about
top = 1
[plain]   # a table
key = 2

[a."b c"]
'quoted key' = [
  1,
]
inner.deep = 3
[[many]]
key = 4
[[ many ]]
key = 5
[many.sub]
key = 6
[[many.more]]
key = 7
"""


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n")], ids=["lf", "crlf"])
@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("plain",), 3),
        (("plain", "key"), 4),
        (("a", "b c", "quoted key"), 7),
        (("a", "b c", "inner", "deep"), 10),
        (("many", 0), 11),
        (("many", 0, "key"), 12),
        (("many", 1, "key"), 14),
        (("many", 1, "sub", "key"), 16),
        (("many", 1, "more", 0, "key"), 18),
        (("plain", "absent", "deeper"), 3),
        (("absent",), None),
    ],
)
def test_the_line_of_a_key_or_of_what_holds_it(text, path, line):
    """Headers, arrays of tables, quoted and dotted keys; the nearest that is there stands for what is not."""
    assert line == TomlLines(text)(*path)
