"""Files from which a Grafana provisions itself, and ConfigMaps of them."""

import json

import pytest
from dashboards.grafanas import CLICKHOUSE_PASSWORD, FIRST, MODELS, SOURCE, UIDS

from coldplate.dashboards.provisioning import configmaps, files
from coldplate.dashboards.source import Source

SOURCE_YAML = """\
apiVersion: 1
datasources:
  - name: "coldplate"
    uid: "coldplate"
    type: grafana-clickhouse-datasource
    access: proxy
    editable: false
    jsonData:
      host: "clickhouse"
      port: 9000
      protocol: "native"
      secure: false
      username: "reader"
      defaultDatabase: "coldplate"
    secureJsonData:
      password: ${COLDPLATE_CLICKHOUSE_PASSWORD}
"""

PROVIDER_YAML = """\
apiVersion: 1
providers:
  - name: coldplate
    folder: "Cooling: water"
    folderUid: coldplate
    type: file
    disableDeletion: false
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: "/var/lib/boards"
"""


def block(manifest, key):
    """A file out of a manifest: the block of its key, without its indentation."""
    rows = manifest.partition(f"  {key}: |\n")[2].splitlines()
    assert all(row.startswith("    ") for row in rows)
    return "".join(f"{row[4:]}\n" for row in rows)


def test_files_are_a_data_source_a_provider_and_the_dashboards():
    """Each dashboard shows the data source; its uid is the file's name."""
    made = files(MODELS, SOURCE, "Cooling: water", "/var/lib/boards")
    assert SOURCE_YAML == made.pop("datasources/coldplate.yaml")
    assert PROVIDER_YAML == made.pop("dashboards/coldplate.yaml")
    assert [f"dashboards/coldplate/{uid}.json" for uid in UIDS] == list(made)
    for text, uid in zip(made.values(), UIDS, strict=True):
        model = json.loads(text)
        shown = next(v for v in model["templating"]["list"] if v["name"] == "source")
        assert (uid, None, "coldplate") == (model["uid"], model["id"], shown["current"]["value"])


def test_a_configmap_a_dashboard_with_the_sidecars_labels():
    """What is in it is the dashboard, to the letter."""
    made = configmaps(MODELS, SOURCE, "Cooling")
    assert SOURCE_YAML == block(made["datasource.yaml"], "coldplate.yaml")
    assert '  labels:\n    grafana_datasource: "1"\n' in made["datasource.yaml"]
    first = made[f"{FIRST}.yaml"]
    head = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: dashboard-{FIRST}\n  labels:\n"
        f'    grafana_dashboard: "1"\n  annotations:\n    grafana_folder: "Cooling"\ndata:\n  {FIRST}.json: |\n'
    )
    assert head == first[: len(head)]
    assert json.loads(files(MODELS, SOURCE, "")[f"dashboards/coldplate/{FIRST}.json"]) == json.loads(block(first, f"{FIRST}.json"))  # fmt: skip


def test_a_dashboard_too_large_for_a_configmap_is_said():
    """Kubernetes would refuse it."""
    with pytest.raises(ValueError, match="too many for a ConfigMap"):
        configmaps([{**MODELS[0], "description": "x" * (1 << 20)}], SOURCE, "f")


def test_no_password_and_no_variable_of_others_is_in_a_file():
    """A dollar sign of a name is one."""
    source = Source("co$t", "h", 1, "d", 'r"$HOME', CLICKHOUSE_PASSWORD)
    made = {**files(MODELS, source, "f"), **configmaps(MODELS, source, "f")}
    assert not any(CLICKHOUSE_PASSWORD in text for text in made.values())
    assert 'username: "r\\"$$HOME"' in made["datasources/coldplate.yaml"]
    assert 'name: "co$$t"' in made["datasources/coldplate.yaml"]
