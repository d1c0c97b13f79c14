"""The OpenAPI 3.1 document of the table of routes."""

from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from coldplate.dashboards.web.parameters import Parameter
from coldplate.dashboards.web.routes import JSON, Route

ERROR = {
    "type": "object",
    "required": ["error", "hint"],
    "properties": {
        "error": {"type": "string", "description": "What is wrong"},
        "hint": {"type": "string", "description": "What to do; empty when there is nothing"},
    },
}
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "all": [], "known": [{"token": []}, {"session": []}], "machine": [{}, {"token": []}, {"session": []}],
}  # fmt: skip


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """As JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "coldplate live hall",
            "version": version("coldplate"),
            "description": "Errors are JSON; who asks for HTML outside of /api gets them as text.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "coldplate_session"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, types in route.answers:
        content = {t: {"schema": {"type": "object"} if t == JSON else {}} for t in types}
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase, **({"content": content} if content else {})
        }  # fmt: skip
    for status in route.errors:
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [_parameter(p) for p in route.parameters],
        "responses": responses,
        "security": SECURITY[route.access],
    }
    if route.path == "/login" and route.method == "POST":
        form = {
            "type": "object",
            "required": ["token"],
            "properties": {"token": {"type": "string"}},
        }
        operation["requestBody"] = {
            "required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}
        }  # fmt: skip
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    told = {
        "name": parameter.name, "in": parameter.place, "description": parameter.meaning,
        "required": parameter.place == "path", "schema": dict(parameter.schema),
    }  # fmt: skip
    if parameter.example is not None:
        told["example"] = parameter.example
    return told
