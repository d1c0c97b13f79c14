"""What a rack must keep to, and the figures of its design that it is held against; a site's own in TOML, by SKU.

Defaults are those of an H200 rack of 64 GPUs with its coolant unit (the design that the twin has too). Where no source
is public the figure is an estimate, and its meaning says so.

    [commission]
    r_ratio = 0.08

    [commission.sku.my-rack]
    filter_clean_kpa = 15.0
"""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from coldplate.console.commission.phases import PhaseName
from coldplate.console.failure import BAD_INPUT, Failure

Share = Annotated[float, Meta(gt=0, lt=1)]
Above = Annotated[float, Meta(gt=0)]
Count = Annotated[float, Meta(ge=0)]


class Limits(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Limits and design figures; what each means stands in `MEANINGS`."""

    coverage_ratio: Share = 0.8
    # --- water at rest
    hold_drop_ratio: Share = 0.01
    loop_l: Above = 35.0
    gas_l: Above = 4.0
    filter_clean_kpa: Above = 12.0
    filter_ratio: Above = 1.25
    rope_s: Above = 60.0
    dew_margin_k: Above = 2.0
    # --- flow
    node_flow_lpm: Above = 8.0
    flow_ratio: Share = 0.10
    tremble_ratio: Share = 0.02
    delta_kpa: Above = 90.0
    delta_ratio: Share = 0.12
    # --- pumps
    failover_dip_s: Above = 3.0
    failover_flow_ratio: Share = 0.9
    failover_rise_k: Above = 5.0
    pump_rpm: Above = 3000.0
    pump_shut_off_kpa: Above = 168.0
    pump_fall_kpa: Above = 48.0
    pump_head_ratio: Share = 0.06
    exchanger_kpa: Above = 18.0
    # --- heat
    liquid_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.965
    balance_ratio: Share = 0.05
    metal_j_per_k: Above = 30_000.0
    approach_k: Above = 5.0
    full_w: Above = 65_000.0
    facility_flow_ratio: Above = 1.2
    # --- GPUs
    r_ratio: Share = 0.10
    fleet_ratio: Share = 0.10
    r_design_k_per_w: Above = 0.0355
    hbm_c: Above = 85.0
    hbm_above_peers_k: Above = 6.0
    clock_ratio: Share = 0.08
    power_ratio: Share = 0.08
    swing_ratio: Share = 0.25
    drift_ratio: Share = 0.05
    reasons_allowed: Annotated[int, Meta(ge=0)] = 0x5
    pcie_gen: Count = 5
    pcie_width: Count = 16
    ecc_corrected_per_h: Count = 100.0
    pcie_replay_per_h: Count = 60.0
    nvlink_errors_per_h: Count = 60.0
    xid_allowed: tuple[int, ...] = (13, 31)
    # --- time
    seconds: dict[PhaseName, Above] = {}
    late_s: Count = 15.0


MEANINGS = {
    "coverage_ratio": "share of ticks in which a reading must be there to be measured (estimate)",
    "hold_drop_ratio": "most that absolute pressure may fall in the hold after correction for temperature (acceptance practice: 1 % in 60 min; estimate)",
    "loop_l": "coolant of the loop that expands with temperature, l (estimate)",
    "gas_l": "gas of its pressure vessel, l (estimate)",
    "filter_clean_kpa": "pressure difference over a clean filter at design flow, kPa (design)",
    "filter_ratio": "most of it, as a multiple, at the flow that is measured (estimate)",
    "rope_s": "within which a wetted leak rope must tell, s (ropes tell in seconds to a minute; estimate)",
    "dew_margin_k": "least margin of the supply above the dew point, K (units override the set point at 2 to 3 K)",
    "node_flow_lpm": "design flow of a node, l/min",
    "flow_ratio": "how far a node's flow may be from design and from its peers (acceptance practice: 10 %; estimate)",
    "tremble_ratio": "relative deviation of a node's flow from tick to tick above which there is air in it (meters have 0.5 %; estimate)",
    "delta_kpa": "design pressure difference from supply to return, kPa",
    "delta_ratio": "how far it may be from that (a tenth of flow is a fifth of pressure; estimate)",
    "failover_dip_s": "how long flow may be low when a pump stops, s (acceptance practice: 3 s; estimate)",
    "failover_flow_ratio": "flow below this share of the flow before counts as low (units alarm at 90 % of set point)",
    "failover_rise_k": "most that a GPU may warm meanwhile, K (acceptance practice: 5 K; estimate)",
    "pump_rpm": "rated speed of a pump, 1/min (design)",
    "pump_shut_off_kpa": "its head at rated speed without flow, kPa (design)",
    "pump_fall_kpa": "what it has less at design flow, kPa (design); head falls with the square of flow",
    "pump_head_ratio": "share by which its head may be below that curve (estimate)",
    "exchanger_kpa": "pressure difference over the heat exchanger at design flow, kPa (design)",
    "liquid_ratio": "share of a node's electric power that goes into water (all parts on plates, supplies lose the rest; 0.7 to 0.9 where hosts are air-cooled)",
    "balance_ratio": "how far heat in the water may be from electric heat (acceptance practice: 5 %; estimate)",
    "metal_j_per_k": "heat capacity of the loop beside its coolant, J/K (estimate)",
    "approach_k": "most that supply may be above facility water at full heat and design flows, K (acceptance practice: 5 K)",
    "full_w": "heat of a rack at full load, W (design)",
    "facility_flow_ratio": "facility water at full heat, as a multiple of the coolant's flow (design)",
    "r_ratio": "how far a GPU's resistance may be from the median of its rack at like load (acceptance practice: 10 %; estimate)",
    "fleet_ratio": "how far a rack's median may be from that of the racks before it (estimate)",
    "r_design_k_per_w": "resistance of a GPU at design flow, K/W (recorded on an H200)",
    "hbm_c": "below which HBM must stay, degC (acceptance practice; estimate)",
    "hbm_above_peers_k": "most that HBM may be above the median of its rack, K (estimate)",
    "clock_ratio": "share by which a GPU's clock may be below the median of its rack at like load (estimate)",
    "power_ratio": "share by which its power may be below that median (estimate)",
    "swing_ratio": "share by which its swing in synchronous steps may differ from that median (estimate)",
    "drift_ratio": "most that a GPU's resistance may rise over the soak (estimate)",
    "reasons_allowed": "clock event reasons that are no fault: idle 0x1, power cap 0x4",
    "pcie_gen": "PCIe generation under load",
    "pcie_width": "PCIe lanes under load",
    "ecc_corrected_per_h": "most corrected memory errors of a GPU, 1/h (estimate); none uncorrected, no remap pending or failed",
    "pcie_replay_per_h": "most PCIe replays of a GPU, 1/h (estimate)",
    "nvlink_errors_per_h": "most NVLink errors of a GPU, 1/h (estimate)",
    "xid_allowed": "XIDs that a test may raise itself",
    "seconds": "how long phases last, s, by name: a table of those that last another time than docs/bring-up.md says, such as the soak",
    "late_s": "after a phase, until what was sampled in it is in the history, s (estimate)",
}  # fmt: skip


def load_limits(path: Path | None, sku: str = "") -> Limits:
    """The limits of a file, and those of a SKU in it on top; without a file the defaults.

    Raises
    ------
    Failure
        Unreadable, an unknown key or SKU, or a value out of its range: with file, key and what is expected.
    """
    if path is None:
        if sku:
            raise Failure(f"--sku {sku}: name the file that has it with --limits", BAD_INPUT)
        return Limits()
    try:
        told: Any = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failure(f"--limits {path}: {error}", BAD_INPUT) from None
    section = told.get("commission")
    if not isinstance(section, dict) or set(told) != {"commission"}:
        raise Failure(f"--limits {path}: expected one table [commission]", BAD_INPUT)
    skus = section.pop("sku", {})
    if sku and sku not in skus:
        known = ", ".join(skus) or "none"
        raise Failure(f"--sku {sku}: {path} has no [commission.sku.{sku}]; it has {known}", BAD_INPUT)  # fmt: skip
    # Every SKU is checked, not only the one that is used today.
    for name, own in skus.items():
        _made(section | own, f"{path}: commission.sku.{name}")
    return _made(section | skus.get(sku, {}), f"{path}: commission")


def _made(values: dict[str, Any], where: str) -> Limits:
    for key in values:
        if key not in MEANINGS:
            near = get_close_matches(key, MEANINGS, 3, 0.5)
            hint = f"near are {', '.join(near)}" if near else "docs/bring-up.md lists them"
            raise Failure(f"--limits {where}: {key} is unknown; {hint}", BAD_INPUT)
    try:
        return msgspec.convert(values, Limits)
    except msgspec.ValidationError as error:
        raise Failure(f"--limits {where}: {error}", BAD_INPUT) from None
