"""Files from which a Grafana provisions itself: a folder to mount, or ConfigMaps for the Helm chart's sidecars.

The password stands in no file: Grafana takes it from its environment.
"""

import json
from collections.abc import Mapping, Sequence

from coldplate.dashboards.board import FOLDER_UID
from coldplate.dashboards.drift import Model, fitted
from coldplate.dashboards.query import PLUGIN
from coldplate.dashboards.source import Source

PASSWORD_ENV = "COLDPLATE_CLICKHOUSE_PASSWORD"  # noqa: S105  a name, no password
MOUNTED = "/etc/grafana/provisioning/dashboards/coldplate"
"""Where the dashboards are found by default: beside the provider's file, which takes no other files than YAML."""

CONFIGMAP_BYTES_MAX = 1 << 20


def files(
    models: Sequence[Model], source: Source, folder: str, mounted: str = MOUNTED
) -> dict[str, str]:
    """Path -> text of what is laid into Grafana's provisioning folder.

    Parameters
    ----------
    models
        The dashboards.
    source
        The history, as Grafana sees it.
    folder
        Title of the folder.
    mounted
        Where Grafana will find the dashboards.
    """
    return {
        "datasources/coldplate.yaml": source_yaml(source),
        "dashboards/coldplate.yaml": provider_yaml(folder, mounted),
        **{f"dashboards/coldplate/{m['uid']}.json": _json(m, source) for m in models},
    }


def configmaps(models: Sequence[Model], source: Source, folder: str) -> dict[str, str]:
    """Path -> manifest; one ConfigMap a dashboard, because one holds at most 1 MiB.

    Parameters
    ----------
    models, source, folder
        As for `files`.

    Raises
    ------
    ValueError
        When a dashboard is too large for one.
    """
    out = {
        "datasource.yaml": _manifest(
            "coldplate-datasource", "grafana_datasource", {}, {"coldplate.yaml": source_yaml(source)}
        )
    }  # fmt: skip
    for model in models:
        uid = str(model["uid"])
        text = json.dumps(fitted(model, _choice(source)), indent=1) + "\n"
        if len(text) >= CONFIGMAP_BYTES_MAX:
            raise ValueError(f"{uid}: {len(text)} bytes are too many for a ConfigMap")
        notes = {"grafana_folder": folder}
        out[f"{uid}.yaml"] = _manifest(f"dashboard-{uid}", "grafana_dashboard", notes, {f"{uid}.json": text})  # fmt: skip
    return out


def source_yaml(source: Source) -> str:
    """The data source, with its password from the environment."""
    options = "".join(f"      {k}: {_yaml(v)}\n" for k, v in source.options().items())
    return (
        "apiVersion: 1\ndatasources:\n"
        f"  - name: {_yaml(source.name)}\n    uid: {_yaml(source.uid)}\n    type: {PLUGIN}\n"
        "    access: proxy\n    editable: false\n"
        f"    jsonData:\n{options}"
        f"    secureJsonData:\n      password: ${{{PASSWORD_ENV}}}\n"
    )


def provider_yaml(folder: str, mounted: str) -> str:
    """What tells Grafana where the dashboards are; changes in its pages are not taken."""
    return (
        "apiVersion: 1\nproviders:\n"
        f"  - name: coldplate\n    folder: {_yaml(folder)}\n    folderUid: {FOLDER_UID}\n"
        "    type: file\n    disableDeletion: false\n    allowUiUpdates: false\n"
        "    updateIntervalSeconds: 30\n"
        f"    options:\n      path: {_yaml(mounted)}\n"
    )


def _json(model: Model, source: Source) -> str:
    return json.dumps(fitted(model, _choice(source)), indent=1, ensure_ascii=False) + "\n"


def _choice(source: Source) -> dict[str, str]:
    return {"text": source.name, "value": source.uid}


def _manifest(name: str, label: str, notes: Mapping[str, str], data: Mapping[str, str]) -> str:
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata:", f"  name: {name}", "  labels:", f'    {label}: "1"']  # fmt: skip
    if notes:
        lines += ["  annotations:", *(f"    {k}: {json.dumps(v)}" for k, v in notes.items())]
    lines.append("data:")
    for key, text in data.items():
        lines.append(f"  {key}: |")
        lines += [f"    {row}" for row in text.splitlines()]
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    """JSON is YAML; a dollar sign would begin a variable of Grafana's."""
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")
