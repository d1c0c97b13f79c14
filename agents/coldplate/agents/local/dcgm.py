"""What dcgm-exporter calls our metrics, in its units and with its labels, so that its dashboards work with ours.

The catalogue names the DCGM field of the same meaning; here stands what its unit is, where it is not ours.

References
----------
Names, types and units: `etc/default-counters.csv` of dcgm-exporter and `dcgm_fields.h` of DCGM 4 (violations are in
nanoseconds there, as they are in fact; comments of earlier versions said microseconds). Labels: its `render_metrics.go`.
"""

from collections.abc import Mapping

Fact = str | int | float | bool | None

FACTORS = {
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 1e3,  # mJ
    "DCGM_FI_DEV_GPU_UTIL": 100.0,  # percent
    "DCGM_FI_DEV_MEM_COPY_UTIL": 100.0,
    "DCGM_FI_DEV_FAN_SPEED": 100.0,
    "DCGM_FI_DEV_FB_USED": 1 / 1048576,  # MiB
    "DCGM_FI_DEV_POWER_VIOLATION": 1e9,  # ns
    "DCGM_FI_DEV_THERMAL_VIOLATION": 1e9,
}  # fmt: skip
"""What our value is multiplied by; 1 where a field is not named."""

WHOLE = {*FACTORS} - {"DCGM_FI_DEV_FB_USED"}
"""Fields that DCGM gives as whole numbers."""


def value_of(field: str, value: float) -> float:
    """Our value in the field's unit."""
    scaled = value * FACTORS.get(field, 1.0)
    return float(round(scaled)) if field in WHOLE and scaled == scaled else scaled  # noqa: PLR0124  not NaN


def gpu_labels(
    index: str,
    facts: Mapping[str, Fact],
    owner: Mapping[str, str],
    hostname: tuple[str, str],
) -> dict[str, str]:
    """A GPU's labels in dcgm-exporter's order.

    Parameters
    ----------
    index
        The GPU's number on its node, where the driver has not told its own.
    facts
        What the GPU said of itself: `uuid`, `pci_bus` (`0000:c1:00`), `name`, `nvml_index`, `driver`; unknown ones are
        empty, as labels are.
    owner
        Who uses it: `pod`, `namespace`, `container`, `hpc_job`; those that there are.
    hostname
        Name and value of the label with the machine's name.
    """
    index = _text(facts, "nvml_index") or index
    labels = {
        "gpu": index,
        "UUID": _text(facts, "uuid"),
        "pci_bus_id": _pci(_text(facts, "pci_bus")),
        "device": f"nvidia{index}",
        "modelName": _text(facts, "name"),
        hostname[0]: hostname[1],
    }
    if driver := _text(facts, "driver"):
        labels["DCGM_FI_DRIVER_VERSION"] = driver
    return labels | {key: text for key, text in owner.items() if text}


def _text(facts: Mapping[str, Fact], key: str) -> str:
    value = facts.get(key)
    return "" if value is None else str(value)


def _pci(bus: str) -> str:
    """NVML's long form of a PCI address: `0000:c1:00` is `00000000:C1:00.0`."""
    return f"0000{bus.upper()}.0" if bus else ""
