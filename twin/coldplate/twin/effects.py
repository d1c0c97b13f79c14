"""The few inputs of the physics that a fault, a look-alike or an operator's hand can reach.

Neutral when made; the faults of a moment are applied to it one after the other (faults.py), and the physics reads it.
Everything else that is seen follows from the physics. Arrays have one element a GPU, a node or a rack.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.metric import Kind

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SensorFault:
    """What an instrument makes of the truth while it is wrong.

    Parameters
    ----------
    kind, metric, row
        Which reading: kind of device, metric's name (every metric if empty), position of the device.
    mode
        `stuck` (keeps what it read at the onset), `bias` (adds `amount`), `spike` (adds `amount` in one reading of
        five), `dropout` (absent), `swap` (reads what position `amount` reads), `gain` (multiplies by 1 + `amount`).
    amount
        In the metric's unit, or a position, or a share.
    other
        The metric that `swap` reads; the same if empty.
    """

    kind: Kind
    metric: str
    row: int
    mode: str
    amount: float = 0.0
    other: str = ""


class Effects:
    """What is done to the hall now.

    Parameters
    ----------
    racks, nodes, gpus
        How many of each the hall has.
    """

    def __init__(self, racks: int, nodes: int, gpus: int) -> None:  # noqa: PLR0915  one line each
        # --- a GPU
        self.r_die_factor: F32 = np.ones(gpus, np.float32)
        """Multiplies the resistance from die to plate: paste, a fouled plate."""
        self.r_hbm_factor: F32 = np.ones(gpus, np.float32)
        """Multiplies the resistance from HBM to plate."""
        self.leakage_factor: F32 = np.ones(gpus, np.float32)
        """Multiplies the power that flows without work and grows with temperature."""
        self.plate_k_factor: F32 = np.ones(gpus, np.float32)
        """Multiplies the hydraulic resistance of its plate."""
        self.load_factor: F32 = np.ones(gpus, np.float32)
        """Multiplies the load that its job asks for: 0 for a GPU that hangs."""
        self.braked: Bools = np.zeros(gpus, np.bool_)
        """Where the board's power brake is pulled."""
        self.limit_w: F32 = np.full(gpus, 700.0, np.float32)
        """Enforced power limit."""
        self.gpu_lost: Bools = np.zeros(gpus, np.bool_)
        """Fallen off the bus: draws idle power, says nothing."""
        self.ecc_corrected_per_s: F64 = np.zeros(gpus)
        self.ecc_uncorrected_per_s: F64 = np.zeros(gpus)
        self.pcie_replay_per_s: F64 = np.zeros(gpus)
        self.nvlink_errors_per_s: F64 = np.zeros(gpus)
        self.pcie_width: F64 = np.full(gpus, 16.0)
        self.pcie_gen: F64 = np.full(gpus, 5.0)
        self.remap_pending: Bools = np.zeros(gpus, np.bool_)
        self.counters_reset: Bools = np.zeros(gpus, np.bool_)
        """Counters begin again at 0, as after a driver reload."""
        self.gpu_silent: Bools = np.zeros(gpus, np.bool_)
        """Works on, and nothing of it is read."""
        self.hung: Bools = np.zeros(gpus, np.bool_)
        """Waits in a kernel that never ends: its utilisation says 1, whatever its load."""
        self.slow_ratio: F32 = np.zeros(gpus, np.float32)
        """Share by which its part of a step takes longer; its job waits for the slowest."""
        self.remap_failed: Bools = np.zeros(gpus, np.bool_)
        self.rows_remapped: F64 = np.zeros(gpus)
        self.recovery_action: F64 = np.zeros(gpus)
        """NVML field 230: 0 none, 1 reset the GPU, 2 reboot the node, 4 drain and reset."""
        # --- a node
        self.node_k_factor: F64 = np.ones(nodes)
        """Multiplies the hydraulic resistance of hose and couplings."""
        self.node_air_ratio: F64 = np.zeros(nodes)
        """Share by which air makes the node's flow tremble."""
        self.node_silent: Bools = np.zeros(nodes, np.bool_)
        self.node_skew_s: F64 = np.zeros(nodes)
        """Its clock against the others'."""
        self.psu_lost: Bools = np.zeros(nodes, np.bool_)
        """One of its power supplies has failed: the others carry the load less well."""
        self.node_off: Bools = np.zeros(nodes, np.bool_)
        """Switched off or drained: no job, idle power."""
        self.node_cut: Bools = np.zeros(nodes, np.bool_)
        """Cut off from the network: its agent keeps its frames and sends them when the network is back."""
        # --- a rack and its loop
        self.pump_ratio_max: F64 = np.ones((2, racks))
        """Highest speed each pump can reach, a share of rated speed; shape (2, racks)."""
        self.pump_head_factor: F64 = np.ones((2, racks))
        """Multiplies a pump's head at every speed: wear."""
        self.duty_pump: NDArray[np.int64] = np.zeros(racks, np.int64)
        """Which pump is wanted to run, 0 or 1: rotation."""
        self.cavitation_ratio: F64 = np.zeros(racks)
        """Share of head lost and trembling at the pumps' suction."""
        self.filter_clogged_ratio: F64 = np.zeros(racks)
        """Share of the filter's area that is closed."""
        self.opening_ratio: F64 = np.ones(racks)
        """Share of the loop's flow that its valves let through at equal pressure."""
        self.viscosity_factor: F64 = np.ones(racks)
        self.exchanger_factor: F64 = np.ones(racks)
        """Multiplies the heat exchanger's conductance: fouling."""
        self.valve_stuck_ratio: F64 = np.full(racks, np.nan)
        """Position at which the facility valve is stuck; NaN where it moves."""
        self.set_point_delta_c: F64 = np.zeros(racks)
        self.leak_lpm: F64 = np.zeros(racks)
        self.rope_wet: Bools = np.zeros(racks, np.bool_)
        self.facility_flow_factor: F64 = np.ones(racks)
        """Facility water that reaches this rack's exchanger at an open valve."""
        self.cdu_silent: Bools = np.zeros(racks, np.bool_)
        self.cdu_cut: Bools = np.zeros(racks, np.bool_)
        """As `node_cut`, for the frames of CDU and rack."""
        self.feed_lost: Bools = np.zeros((2, racks), np.bool_)
        """Feeds A and B without power; shape (2, racks)."""
        # --- the hall
        self.facility_delta_c = 0.0
        self.dew_point_delta_c = 0.0
        self.swing_hz = 0.0
        """A forced oscillation of the whole load; 0 for none."""
        self.swing_ratio = 0.0
        self.ramp_scale = 1.0
        """Multiplies how fast jobs ramp up and down; above 1 is steeper."""
        # --- instruments
        self.sensor_faults: list[SensorFault] = []
