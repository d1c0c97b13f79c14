"""From a table of a TOML file to a struct, with every fault of its keys and values, not only the first."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from coldplate.sinks.webhooks.checks.faults import Faults, meant

T = TypeVar("T", bound=msgspec.Struct)


def made(kind: type[T], what: str, table: Any, faults: Faults, *at: str | int) -> T | None:
    """A struct of the table's values; None when it has faults.

    Parameters
    ----------
    what
        The table, for a person.
    table
        Its keys, without those that only say which kind it is.
    """
    if not isinstance(table, dict):
        faults.fault(f"{what} is a table: key = value, a line each", *at)
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    sound = True
    for key, value in table.items():
        words = "" if key in fields else f"{what} has no key {key!r}; {meant(key, fields)}"
        try:
            if not words:
                values[key] = _value(value, fields[key].type)
        except ValueError as error:
            words = f"{what}, {key}: {error}"
        if words:
            faults.fault(words, *at, key)
            sound = False
    for name, field in fields.items():
        if field.required and name not in table:
            faults.fault(f"{what} lacks {name}; give {name} = ...", *at)
            sound = False
    return kind(**values) if sound else None


def tables(data: Mapping[str, Any], name: str, faults: Faults) -> list[dict[str, Any]]:
    """The tables of an array of tables."""
    given = data.get(name, [])
    if isinstance(given, list) and all(isinstance(table, dict) for table in given):
        return given
    faults.fault(f"{name} are tables of their own: write [[{name}]]", name)
    return []


def tags(union: Any) -> dict[str, type[msgspec.Struct]]:
    """The structs of a union by what tells them apart."""
    kinds = cast("inspect.UnionType", inspect.type_info(union)).types
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    return {str(kind.tag): kind.cls for kind in structs}


def _value(value: Any, type_: Any) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        said = str(error).partition(" - at `")[0]
        allowed = ", ".join(map(str, _choices(inspect.type_info(type_))))
        hint = f"; there are {allowed}" if allowed else ""
        raise ValueError(f"{said[:1].lower()}{said[1:]}{hint}") from None


def _choices(type_: inspect.Type) -> Iterator[object]:
    """Words of which a value must be one."""
    if isinstance(type_, inspect.LiteralType):
        yield from type_.values
    elif isinstance(type_, inspect.EnumType):
        yield from (member.value for member in type_.cls)
    elif isinstance(type_, inspect.VarTupleType):
        yield from _choices(type_.item_type)
