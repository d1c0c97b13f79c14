"""The Kubernetes API as tests speak to it: one connection, one token, and answers as they came."""

import http.client
import json
import ssl
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

STRICT = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "tests"}
"""Everything that a request goes through but the storing; unknown and doubled fields are errors."""

DECLARED = "application/apply-patch+yaml"
MERGED = "application/merge-patch+json"


class Answer(NamedTuple):
    """What the server said."""

    status: int
    body: dict
    warnings: list

    @property
    def message(self):
        """Of a refusal, in words."""
        return self.body.get("message", "")


class Api:
    """Whoever the token stands for."""

    def __init__(self, url, certificate, token):
        self._where = urlsplit(url)
        self._tls = ssl.create_default_context(cafile=certificate)
        self._token = token
        self._connection = None
        self._kinds = {}

    def close(self):
        """Leave no socket behind."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, verb, path, body=None, kind="application/json", **query):
        """One request. The server may have closed a connection that stood idle: then once more."""
        target = f"{path}?{urlencode(query)}" if query else path
        payload = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        with suppress(http.client.RemoteDisconnected, ConnectionError):
            return self._once(verb, target, payload, headers)
        self.close()
        return self._once(verb, target, payload, headers)

    def _once(self, verb, target, payload, headers):
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._where.hostname, self._where.port, timeout=30, context=self._tls
            )
        self._connection.request(verb, target, payload, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        body = json.loads(text) if text.startswith("{") else {"message": text}
        return Answer(response.status, body, response.headers.get_all("Warning", []))

    def good(self, verb, path, body=None, kind="application/json", **query):
        """The body of an answer that must be a good one."""
        answer = self.call(verb, path, body, kind, **query)
        assert answer.status < 300, f"{verb} {path}: {answer.status} {answer.message}"
        return answer.body

    def items(self, path, **query):
        """Of a list."""
        return self.good("GET", path, **query)["items"]

    def since(self, path, version):
        """[(change, object)] of a list since its resource version, as the server remembers them."""
        target = f"{path}?{urlencode({'watch': 1, 'resourceVersion': version, 'timeoutSeconds': 1})}"  # fmt: skip
        headers = {"Authorization": f"Bearer {self._token}"}
        connection = http.client.HTTPSConnection(
            self._where.hostname, self._where.port, timeout=30, context=self._tls
        )
        connection.request("GET", target, None, headers)
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        events = [json.loads(line) for line in lines if line]
        return [(event["type"], event["object"]) for event in events]

    def kinds(self, group_version):
        """Kind -> (plural, whether it lives in a namespace, verbs) of what a group serves."""
        if group_version not in self._kinds:
            root = "/api" if "/" not in group_version else "/apis"
            found = self.good("GET", f"{root}/{group_version}")["resources"]
            self._kinds[group_version] = {
                r["kind"]: (r["name"], r["namespaced"], r["verbs"]) for r in found if "/" not in r["name"]
            }  # fmt: skip
        return self._kinds[group_version]

    def place(self, manifest):
        """Path of the list that a manifest belongs to."""
        group_version = manifest["apiVersion"]
        plural, namespaced, _verbs = self.kinds(group_version)[manifest["kind"]]
        root = "/api" if "/" not in group_version else "/apis"
        where = f"/namespaces/{manifest['metadata']['namespace']}" if namespaced else ""
        return f"{root}/{group_version}{where}/{plural}"

    def everything(self, namespace):
        """(kind, name) of whatever lives in a namespace, and of what belongs to the whole cluster."""
        groups = self.good("GET", "/apis")["groups"]
        served = ["v1", *(g["preferredVersion"]["groupVersion"] for g in groups)]
        found = set()
        for group_version in served:
            root = "/api" if "/" not in group_version else "/apis"
            for kind, (plural, namespaced, verbs) in self.kinds(group_version).items():
                # Events tell of the past and go by themselves; leases are heartbeats.
                if "list" not in verbs or kind in {"Event", "Lease"}:
                    continue
                where = f"/namespaces/{namespace}" if namespaced else ""
                for item in self.items(f"{root}/{group_version}{where}/{plural}"):
                    found.add((kind, item["metadata"]["name"]))
        return found
