"""A strict stand-in of Grafana's HTTP API: what its documentation says, refused where a request says more or less.

References
----------
Grafana 10 to 13, HTTP API: folder, dashboard, dashboard versions, data source, folder and dashboard search. Errors as
`pkg/api` words them. It is no Grafana: what a real one does with a dashboard's panels is not seen here.
"""

import base64
import copy
import json
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN, EDITOR_TOKEN, VIEWER_TOKEN = "glsa_admin-s3cr3t", "glsa_editor-s3cr3t", "glsa_viewer-s3cr3t"
USER, PASSWORD = "ada", "pa55-w0rd-of-ada"
ROLES = {TOKEN: "Admin", EDITOR_TOKEN: "Editor", VIEWER_TOKEN: "Viewer"}
AT = "2026-11-20T10:00:00Z"

HANG, RESET, TRICKLE = "hang", "reset", "trickle"
PROXY_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"  # fmt: skip

BOARD_BODY = {"dashboard", "folderUid", "message", "overwrite"}
SOURCE_BODY = {"uid", "name", "type", "access", "isDefault", "jsonData"}
SOURCE_MORE = {"secureJsonData", "version"}
OPTIONS = {"host": str, "port": int, "protocol": str, "secure": bool, "username": str, "defaultDatabase": str}  # fmt: skip


@dataclass
class Fault:
    """What happens instead of an answer, or in place of it.

    Parameters
    ----------
    match
        Start of `METHOD /path`.
    status, headers, body
        Of the answer; a status may be HANG, RESET or TRICKLE.
    times
        How often.
    done
        Do what was asked first, so that the answer alone is lost.
    """

    match: str
    status: int | str
    body: bytes = b'{"message":"a fault"}'
    headers: dict = field(default_factory=dict)
    times: int = 1
    done: bool = False


class RefusedError(Exception):
    def __init__(self, code, message, **more):
        super().__init__(message)
        self.status, self.body = code, {"message": message, **more}


class StandIn:
    """Listens on the loopback; `context` makes it speak TLS, `prefix` serves it under a path; `before` is called before each answer."""

    def __init__(self, context=None, prefix="", versions_as_list=False):
        self.prefix, self.versions_as_list, self.scheme = prefix, versions_as_list, "https" if context else "http"  # fmt: skip
        self.folders, self.sources, self.boards = {}, {}, {}
        self.faults, self.requests, self.writes = [], [], []
        self.ended, self.broken = threading.Event(), []
        self.before = lambda name: None
        outer = self

        class Handler(_Handler):
            stand_in = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        if context:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.url = f"{self.scheme}://127.0.0.1:{self.port}{prefix}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        assert not self.broken, f"the stand-in itself failed: {self.broken}"

    def edit(self, uid, by="bo", **change):
        """A person changes a dashboard in the browser."""
        board = self.boards[uid]
        self._store(uid, {**board["model"], **change}, board["folder"], by, "")

    def add_board(self, uid, folder, model, by="bo", **more):
        """A dashboard of somebody's."""
        self._store(uid, {"uid": uid, **model}, folder, by, "")
        self.boards[uid] |= more

    def answer(self, method, path, query, body, login, role):
        """Of one request that has logged in."""
        routes = {
            "GET /folders/([^/]+)": self._folder,
            "POST /folders": lambda: self._create_folder(body, role),
            "GET /datasources/uid/([^/]+)": lambda uid: self._source(uid, role),
            "GET /datasources/name/([^/]+)": lambda name: self._source(self._uid_of(name), role),
            "POST /datasources": lambda: self._create_source(body, role),
            "PUT /datasources/uid/([^/]+)": lambda uid: self._update_source(uid, body, role),
            "GET /dashboards/uid/([^/]+)": self._board,
            "GET /dashboards/uid/([^/]+)/versions": lambda uid: self._versions(uid, query, role),
            "POST /dashboards/db": lambda: self._save(body, login, role),
            "GET /search": lambda: self._search(query),
        }
        for pattern, work in routes.items():
            if found := re.fullmatch(pattern, f"{method} {path}"):
                return work(*map(unquote, found.groups()))
        raise RefusedError(404, "Not found")

    def _uid_of(self, name):
        return next((uid for uid, s in self.sources.items() if s["name"] == name), "")

    def _folder(self, uid):
        if uid not in self.folders:
            raise RefusedError(404, "folder not found", status="not-found")
        return {"id": 1, "uid": uid, "title": self.folders[uid], "version": 1, "canSave": True}

    def _create_folder(self, body, role):
        needs(role, "folders:create", "Admin", "Editor")
        only(body, {"uid", "title"})
        if body["uid"] in self.folders:
            raise RefusedError(412, "the folder has been changed by someone else", status="version-mismatch")  # fmt: skip
        if body["title"] in self.folders.values():
            raise RefusedError(409, "a folder with the same name already exists in the current location")  # fmt: skip
        self.folders[body["uid"]] = body["title"]
        return self._folder(body["uid"])

    def _source(self, uid, role):
        needs(role, "datasources:read", "Admin")
        if uid not in self.sources:
            raise RefusedError(404, "Data source not found")
        told = copy.deepcopy(self.sources[uid])
        told["secureJsonFields"] = dict.fromkeys(told.pop("secrets"), True)
        return told

    def _create_source(self, body, role):
        needs(role, "datasources:create", "Admin")
        check_source(body)
        if any(body["name"] == s["name"] for s in self.sources.values()):
            raise RefusedError(409, "data source with the same name already exists")
        if body["uid"] in self.sources:
            raise RefusedError(409, "data source with the same uid already exists")
        self._keep_source(body, 1)
        return {"datasource": self._source(body["uid"], role), "id": 1, "message": "Datasource added", "name": body["name"]}  # fmt: skip

    def _update_source(self, uid, body, role):
        needs(role, "datasources:write", "Admin")
        check_source(body)
        there = self.sources.get(uid)
        if there is None:
            raise RefusedError(404, "Data source not found")
        if there["readOnly"]:
            raise RefusedError(403, "Cannot update read-only data source")
        if body.get("version", there["version"]) != there["version"]:
            raise RefusedError(409, "Datasource has already been updated by someone else. Please reload and try again")  # fmt: skip
        self._keep_source(body, there["version"] + 1)
        return {"datasource": self._source(uid, role), "id": 1, "message": "Datasource updated", "name": body["name"]}  # fmt: skip

    def _keep_source(self, body, version):
        kept = {k: v for k, v in body.items() if k not in ("secureJsonData", "version")}
        old = self.sources.get(body["uid"], {}).get("secrets", {})
        secrets = {**old, **body.get("secureJsonData", {})}
        self.sources[body["uid"]] = {**kept, "id": 7, "version": version, "readOnly": False, "secrets": secrets}  # fmt: skip

    def _board(self, uid):
        board = self.boards.get(uid)
        if board is None:
            raise RefusedError(404, "Dashboard not found", status="not-found")
        last = board["versions"][-1]
        return {
            "dashboard": {**copy.deepcopy(board["model"]), "id": 11, "version": last["version"]},
            "meta": {
                "folderUid": board["folder"], "folderTitle": self.folders.get(board["folder"], "General"),
                "version": last["version"], "createdBy": board["versions"][0]["createdBy"], "created": AT,
                "updatedBy": last["createdBy"], "updated": last["created"], "canSave": True,
                "provisioned": board.get("provisioned", False),
            },
        }  # fmt: skip

    def _versions(self, uid, query, role):
        needs(role, "dashboards:write", "Admin", "Editor")
        limit = int(query.get("limit", ["1000"])[0])
        versions = list(reversed(self.boards[uid]["versions"]))[:limit]
        return versions if self.versions_as_list else {"continueToken": "", "versions": versions}

    def _save(self, body, login, role):
        needs(role, "dashboards:create", "Admin", "Editor")
        only(body, BOARD_BODY)
        model = body["dashboard"]
        if not model.get("title"):
            raise RefusedError(400, "Dashboard title cannot be empty", status="empty-name")
        if len(model["uid"]) > 40:
            raise RefusedError(400, "uid too long, max 40 characters", status="uid-too-long")
        if not isinstance(model.get("panels"), list) or not isinstance(model.get("schemaVersion"), int):  # fmt: skip
            raise RefusedError(422, "validation failed")
        if body["folderUid"] not in self.folders:
            raise RefusedError(400, "folder not found", status="not-found")
        board = self.boards.get(model["uid"])
        if board is not None and board.get("provisioned"):
            raise RefusedError(400, "Cannot save provisioned dashboard")
        number = board["versions"][-1]["version"] if board else 0
        if model.get("version", 0) != number and not body["overwrite"]:
            raise RefusedError(412, "The dashboard has been changed by someone else", status="version-mismatch")  # fmt: skip
        for uid, other in self.boards.items():
            if uid != model["uid"] and (other["model"].get("title"), other["folder"]) == (model["title"], body["folderUid"]):  # fmt: skip
                raise RefusedError(412, "A dashboard with the same name in the folder already exists", status="name-exists")  # fmt: skip
        self._store(model["uid"], model, body["folderUid"], login, body["message"])
        return {"id": 11, "uid": model["uid"], "status": "success", "version": number + 1, "slug": "s", "url": f"/d/{model['uid']}/s"}  # fmt: skip

    def _store(self, uid, model, folder, by, message):
        board = self.boards.setdefault(uid, {"versions": []})
        board |= {"model": {k: v for k, v in model.items() if k not in ("id", "version")}, "folder": folder}  # fmt: skip
        number = len(board["versions"]) + 1
        board["versions"].append({
            "id": number, "uid": uid, "version": number, "parentVersion": number - 1, "restoredFrom": 0,
            "created": AT, "createdBy": by, "message": message,
        })  # fmt: skip

    def _search(self, query):
        if unknown := set(query) - {"type", "folderUIDs", "limit", "page"}:
            raise RefusedError(422, f"unknown {sorted(unknown)}")
        folders, limit, page = query["folderUIDs"], int(query["limit"][0]), int(query["page"][0])
        hits = [
            {"uid": uid, "title": b["model"].get("title"), "type": "dash-db", "folderUid": b["folder"]}
            for uid, b in sorted(self.boards.items())
            if b["folder"] in folders
        ]  # fmt: skip
        return hits[(page - 1) * limit : page * limit]


def needs(role, permission, *roles):
    if role not in roles:
        raise RefusedError(
            403, f"You'll need additional permissions to perform this action. Permissions needed: {permission}",
            accessErrorId="ACE1", title="Access denied",
        )  # fmt: skip


def only(body, keys, more=frozenset()):
    if set(body) - more != keys:
        raise RefusedError(422, f"fields {sorted(set(body) - more)}, not {sorted(keys)}")


def check_source(body):
    only(body, SOURCE_BODY, SOURCE_MORE)
    for key, kind in OPTIONS.items():
        if type(body["jsonData"].get(key)) is not kind:
            raise RefusedError(422, f"jsonData.{key} is no {kind.__name__}")
    if body["jsonData"]["protocol"] not in ("native", "http") or body["access"] != "proxy":
        raise RefusedError(422, "protocol or access")
    if set(body.get("secureJsonData", {})) - {"password"}:
        raise RefusedError(422, "secureJsonData")


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn

    def do_GET(self):
        self._serve()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def log_message(self, *_):
        pass

    def _serve(self):
        them = self.stand_in
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        start = f"{them.prefix}/api"
        path = url.path.removeprefix(start) if url.path.startswith(f"{start}/") else ""
        name = f"{self.command} {path}"
        them.before(name)
        them.requests.append((name, dict(self.headers), raw))
        fault = next((f for f in them.faults if f.times and name.startswith(f.match)), None)
        if fault and not fault.done:
            self._fail(fault)
            return
        try:
            login, role = self._who()
            body = json.loads(raw) if raw else None
            answer, status = them.answer(self.command, path, parse_qs(url.query), body, login, role), 200  # fmt: skip
            if self.command != "GET":
                them.writes.append(name)
        except RefusedError as refused:
            answer, status = refused.body, refused.status
        except Exception as error:
            them.broken.append(f"{name}: {error!r}")
            raise
        if fault:
            self._fail(fault)
        else:
            self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _who(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer" and value in ROLES:
            return "sa-1-coldplate", ROLES[value]
        if kind == "Basic" and base64.b64decode(value).decode() == f"{USER}:{PASSWORD}":
            return USER, "Admin"
        wrong = "Invalid API key" if kind == "Bearer" else "Invalid username or password"
        raise RefusedError(401, wrong, messageId="auth", statusCode=401)

    def _fail(self, fault):
        fault.times -= 1
        if fault.status == HANG:
            self.stand_in.ended.wait(30)
        elif fault.status == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault.status == TRICKLE:
            self._trickle()
        else:
            self._send(fault.status, fault.body, fault.headers)

    def _trickle(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while not self.stand_in.ended.wait(0.02):
                self.wfile.write(b" ")
        except OSError:
            pass

    def _send(self, status, body, headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
