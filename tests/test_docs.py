"""Documentation that is true: pages follow from the code, links lead somewhere, commands exist."""

import doctest
import re
import subprocess
import sys
from importlib import import_module

import click
import pytest
from tree import PARTS, ROOT, files, modules

from coldplate.console import config
from coldplate.console.main import COMMANDS, cli
from coldplate.wire.topic import Topics

PAGES = [str(path) for path in files("*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
#: `coldplate`, at the start of what is typed, and the words up to what the shell would take.
TYPED = re.compile(r"(?:^|[`$;&(] ?|\n *)coldplate((?: +[^\s`|>;&#)]+)+)")


def text(page):
    return (ROOT / page).read_text("utf-8")


def commands(command=cli, path=()):
    """Every command with its path, groups included."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


def test_generated_pages_are_current():
    """`make docs` would change nothing."""
    ran = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py", "--check"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (0, "") == (ran.returncode, ran.stdout + ran.stderr)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help_text(name):
    """Nobody has to read the source to learn what an option does."""
    module = import_module(f"coldplate.console.commands.{COMMANDS[name][0]}")
    found = list(commands(getattr(module, name.replace("-", "_")), (name,)))
    assert [] == [path for path, command in found if not command.help]
    options = [(path, o) for path, c in found for o in c.params if isinstance(o, click.Option)]
    assert [] == [
        f"{' '.join(path)} {option.opts[0]}" for path, option in options if not option.help
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_a_page(name):
    """A command that no page names is found by nobody."""
    assert any(re.search(rf"`(coldplate )?{name}\b", text(page)) for page in PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_tells_to_type_exists(page):
    """Commands with their options and their subcommands, and tasks of the Makefile."""
    tasks = set(re.findall(r"^([a-z0-9-]+):", text("Makefile"), re.MULTILINE))
    for code in CODE.findall(text(page)):
        for words in TYPED.findall(code):
            check_typed(words.split())
        for task in re.findall(r"(?:^|[`$=\d] ?|\n *)make ([a-z0-9-]+)", code):
            assert task in tasks


def check_typed(words):
    command = cli
    for word in words:
        if word.startswith("-") and word != "-":
            known = {o for p in (*command.params, *cli.params) for o in p.opts} | {"--help"}
            assert word.partition("=")[0] in known, words
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z-]+", word):
            # Alternatives are written a|b; the pattern that found the words ends before the bar.
            command = command.get_command(click.Context(command), word)
            assert command is not None, words


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """Every relative link names a file or folder of the tree."""
    links = LINK.findall(CODE.sub("", text(page)))
    local = [link.partition("#")[0] for link in links if "://" not in link]
    folder = (ROOT / page).parent
    assert [] == [link for link in local if not (folder / link).exists()]


@pytest.mark.parametrize("spec", Topics().specs(), ids=lambda spec: spec.name)
def test_every_topic_is_documented(spec):
    """Whoever consumes a topic finds its name in a page of docs."""
    assert [] != [page for page in PAGES if page.startswith("docs/") and spec.name in text(page)]


def test_every_setting_has_a_meaning():
    """docs/config.md is made of these, and holds each of them."""
    keys = {setting.key for setting in config.settings()}
    assert set(config.MEANINGS) == keys
    page = text("docs/config.md")
    assert [] == [key for key in {*keys, *config.OTHER} if f"`{key}`" not in page]


def test_examples_in_docstrings_give_what_they_show():
    """Doctests of every module."""
    for name in [m for part in PARTS for m in modules(part)]:
        # `__main__` runs the command when it is imported.
        if not name.endswith("__main__"):
            assert 0 == doctest.testmod(import_module(name)).failed, name
