"""A Kubernetes control plane on this machine: a real API server, controllers and scheduler. Its nodes are played, so pods run nothing."""

import contextlib
import json
import re
import secrets
import subprocess
import urllib.request

import pytest
from cluster.api import Api
from helm.charts import CHART, helm_program
from tree import ROOT

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Part
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

MADE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "stages.yaml", "definitions")  # fmt: skip
READY_S = 120.0


def programs():
    """Their folder; the test is skipped where they were not made."""
    script = (ROOT / "helm/cluster.sh").read_text("utf-8")
    version = re.search(r"^kubernetes=(\S+)$", script, re.MULTILINE)[1]
    folder = Cache.default().root / "tools" / f"kubernetes-{version}"
    if any(not (folder / name).exists() for name in MADE):
        pytest.skip("no Kubernetes here: `make k8s-test` makes one")
    return folder


class Plane:
    """To be entered: up when that returns, gone without a trace after it."""

    def __init__(self, folder):
        self.programs, self.state = programs(), StateDir(folder / "state")
        self.kubeconfig = folder / "kubeconfig.json"
        self._folder, self._token, self._running = folder, secrets.token_hex(16), contextlib.ExitStack()  # fmt: skip
        self._apis = []

    def __enter__(self):
        ports = {name: self.state.port(name) for name in (*MADE[:5], "peer")}
        self.url = f"https://127.0.0.1:{ports['kube-apiserver']}"
        self._keys()
        supervisor = self._running.enter_context(Supervisor(self.state, list(self._parts(ports))))
        try:
            supervisor.wait_healthy(READY_S)
        except BaseException:
            self._running.close()
            raise
        self.admin = self.as_token(self._token)
        return self

    def __exit__(self, *_):
        for api in self._apis:
            api.close()
        self._running.close()

    def as_token(self, token):
        """The API for whoever this token stands for."""
        self._apis.append(Api(self.url, self._certificate, token))
        return self._apis[-1]

    def helm(self, *words, within_s=150):
        """Run helm against this cluster; its answer as it ended."""
        return subprocess.run(
            self.helm_words(*words), cwd=CHART, capture_output=True, text=True, timeout=within_s, check=False
        )  # fmt: skip

    def helm_words(self, *words):
        """The command line, which keeps helm's own files here too."""
        mine = [f"HELM_{kind}_HOME={self._folder}/helm-{kind.lower()}" for kind in ("CACHE", "CONFIG", "DATA")]  # fmt: skip
        return ["env", *mine, helm_program(), "--kubeconfig", str(self.kubeconfig), *map(str, words)]  # fmt: skip

    @property
    def _certificate(self):
        return self._folder / "certificates/apiserver.crt"

    def _parts(self, ports):
        """In order: an API server whose etcd is gone hangs in its own end, so it stops first."""
        etcd, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "peer"))
        key = self._folder / "accounts.key"
        yield self._part(
            "etcd", f"--data-dir={self._folder}/etcd", "--unsafe-no-fsync", "--log-level=warn",
            f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}", f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
            health=lambda: _answers(f"{etcd}/health"),
        )  # fmt: skip
        yield self._part(
            "kube-apiserver", f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={ports['kube-apiserver']}",
            f"--cert-dir={self._folder}/certificates", f"--token-auth-file={self._folder}/tokens.csv",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24", needs=("etcd",), health=self._ready, stop_s=20.0,
        )  # fmt: skip
        for name, *more in (
            # Played nodes are well whatever this machine is busy with: none is given up for a heartbeat that came late.
            (
                "kube-controller-manager",
                f"--service-account-private-key-file={key}",
                "--node-monitor-grace-period=24h",
            ),
            ("kube-scheduler",),
        ):
            yield self._part(
                name, f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1",
                f"--secure-port={ports[name]}", f"--cert-dir={self._folder}/{name}", *more, needs=("kube-apiserver",),
            )  # fmt: skip
        yield self._part(
            "kwok", f"--kubeconfig={self.kubeconfig}", "--manage-all-nodes=true",
            f"--config={self.programs}/stages.yaml", f"--server-address=127.0.0.1:{ports['kwok']}",
            needs=("kube-apiserver",),
        )  # fmt: skip

    def _part(self, name, *options, needs=(), health=lambda: None, stop_s=5.0):
        command = (str(self.programs / name), *options)
        return Part(name, command, health=health, depends_on=needs, stop_limit_s=stop_s)

    def _ready(self):
        if not self._certificate.exists():
            return "its certificate"
        api = Api(self.url, self._certificate, self._token)
        try:
            return None if api.call("GET", "/readyz").status == 200 else "its readiness"
        finally:
            api.close()

    def _keys(self):
        """Of accounts, of the one who may everything here, and where all find the server."""
        key = self._folder / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        tokens = self._folder / "tokens.csv"
        tokens.write_text(f'{self._token},admin,admin,"system:masters"\n')
        server = {"server": self.url, "certificate-authority": str(self._certificate)}
        named = {
            "clusters": [{"name": "it", "cluster": server}],
            "users": [{"name": "it", "user": {"token": self._token}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "it", **named}
        self.kubeconfig.write_text(json.dumps(config))
        for secret in (key, tokens, self.kubeconfig):
            secret.chmod(0o600)


def _answers(url):
    with urllib.request.urlopen(url, timeout=1.0) as response:
        return None if response.status == 200 else "its answer"
