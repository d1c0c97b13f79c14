"""All dashboards, in the order in which people look."""

import importlib
from importlib.util import find_spec
from pathlib import Path

from coldplate.dashboards.board import Board

NAMES = ("hall", "rack", "gpu", "water", "power", "incidents", "jobs", "pipeline")


def all_boards() -> list[Board]:
    """Each of them, made when it is asked for."""
    folder = "coldplate.dashboards.boards"
    there = (f"{folder}.{name}" for name in NAMES if find_spec(f"{folder}.{name}") is not None)
    return [importlib.import_module(module).BOARD for module in there]


def built_folder() -> Path:
    """Where their JSON is kept."""
    return Path(__file__).parent / "json"
