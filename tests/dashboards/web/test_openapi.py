"""The document of what can be asked, against the server that answers it."""

import asyncio
import json
import re
from urllib.parse import quote

import pytest
from dashboards.web.halls import StandInAnswers, StandInHall, ask, site

from coldplate.dashboards.web.app import build
from coldplate.dashboards.web.options import Options
from coldplate.dashboards.web.routes import ROUTES


@pytest.fixture(scope="module")
def of():
    with site(answers=StandInAnswers(("rack-0001",))) as running:
        yield running


@pytest.fixture(scope="module")
def document(of):
    status, headers, body = ask(of, "/api/openapi.json")
    assert (200, "application/json") == (status, headers["Content-Type"])
    return json.loads(body)


def operations(document):
    return [(m.upper(), p, o) for p, of in document["paths"].items() for m, o in of.items()]


def test_every_documented_route_answers_as_documented(of, document):
    """With the examples of its parameters each gives one of its good answers, in a documented type."""
    walked = 0
    for method, pattern, operation in operations(document):
        path = pattern
        if path == "/api/live":
            continue
        query = []
        for parameter in operation["parameters"]:
            if "example" not in parameter:
                continue
            text = quote(str(parameter["example"]), safe="")
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", text)
            else:
                query.append(f"{parameter['name']}={text}")
        more = {"data": {"token": "x"}} if "requestBody" in operation else {}
        status, headers, _ = ask(of, f"{path}?{'&'.join(query)}", method, **more)
        assert status < 400, (path, status)
        answer = operation["responses"][str(status)]
        types = answer.get("content", {"": 0})
        assert (
            "*/*" in types
            or headers.get("Content-Type", "").partition(";")[0] in types
            or status == 303
        )
        walked += 1
    assert walked == len(ROUTES) - 1


def test_every_registered_route_is_documented(document):
    """The server answers to nothing that the document does not hold."""

    async def registered():
        app = build(StandInHall(), StandInAnswers(), Options())
        return {
            (r.method, re.sub(r":[^}]*", "", r.resource.canonical)) for r in app.router.routes() if r.method != "HEAD"
        }  # fmt: skip

    assert asyncio.run(registered()) == {(m, p) for m, p, _ in operations(document)}


def test_every_parameter_of_a_path_stands_in_it_and_every_error_has_its_form(document):
    """What a generator of clients stumbles over is right."""
    names = [o["operationId"] for _, _, o in operations(document)]
    assert len(names) == len(set(names))
    for _, path, operation in operations(document):
        inside = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert inside == set(re.findall(r"{(\w+)}", path))
        assert all(p["schema"] and p["description"] for p in operation["parameters"])
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Error"}
