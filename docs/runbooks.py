"""The steps of each runbook, which are those that alerts tell: `make docs` writes them from causes.toml into its page."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from textwrap import wrap

from coldplate.sinks.webhooks.telling.cause import causes

PAGES = Path(__file__).parent / "runbooks"
WIDTH = 140
_STEPS = re.compile(r"(?<=^## Do now\n\n).*?(?=\n\n## )", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    """A runbook with the steps it should have; what else stands in it stays."""
    todo = steps(causes()[name].todo)
    return _STEPS.sub(lambda _: todo, (PAGES / f"{name}.md").read_text("utf-8"), count=1)


def steps(todo: tuple[str, ...]) -> str:
    """Numbered, as a page has them."""
    lines: list[str] = []
    for number, step in enumerate(todo, 1):
        numbered = f"{number}. {step}"
        lines += wrap(numbered, WIDTH, subsequent_indent="   ", break_on_hyphens=False)
    return "\n".join(lines)


SOURCES: Mapping[str, Callable[[], str]] = {
    f"runbooks/{name}.md": partial(page, name) for name in causes()
}
"""As docs/generate.py has them."""
