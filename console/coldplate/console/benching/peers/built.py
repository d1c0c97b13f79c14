"""Peers in Go, made when they are first needed."""

from pathlib import Path

from coldplate.console.benching.go_tool import GoTool
from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.peer import NotHere


def built(tool: GoTool, ground: Ground) -> Path:
    """The program.

    Raises
    ------
    NotHere
        There is no Go, or it could not make it; in Go's own words.
    """
    from coldplate.console.failure import Failure

    if ground.cache.installed(tool.entry) is None:
        ground.progress.show(f"building {tool.name} {tool.version}, some minutes", 0.0)
    try:
        made = tool.made(ground.cache)
    except Failure as error:
        raise NotHere(str(error)) from None
    if made is None:
        raise NotHere(f"{tool.name} {tool.version} is not there, and no `go` to make it")
    return made
