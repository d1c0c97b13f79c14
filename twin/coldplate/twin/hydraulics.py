"""A rack's coolant loop as a hydraulic network: pumps in parallel, resistances in series, nodes and plates in parallel.

    pump i     H = h_i - a Q_i^2,   h_i = n_i^2 H0 (affinity laws),   Q_i >= 0 (check valve)
    loop       H = k Q^2,  Q = Q_1 + Q_2,  k = k_in + k_out
    CDU        k_in = k_filter / (1 - clogged)^2 + k_exchanger
    rack       k_out = (k_pipes + k_branches) / opening^2
    branches   1 / sqrt(k_branches) = sum over nodes of 1 / sqrt(k_hose + k_plates)
    plates     1 / sqrt(k_plates) = sum over a node's GPUs of 1 / sqrt(k_plate)

Every k moves with (mu / mu_design)^0.25, the friction of smooth turbulent pipes (Blasius). Because every part obeys a
square law, shares of the branches depend only on their resistances, and the point of work has a closed form. With both
check valves open, h_1 >= h_2, d = (h_1 - h_2) / a and y = Q^2:

    (k + a/4) y^2 - (h_1 + h_2)/2 y + a d^2 / 4 = 0   (its larger root),   Q_1 = (Q + d / Q) / 2

A valve that closes stands on the rack's side of the pressure gauges, so speed control sees it. Pressures at rated
flow are estimates within the limits of facts: a plate up to 20 kPa, a rack 50 to 300 kPa.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

FILTER_KPA, EXCHANGER_KPA, PIPES_KPA, HOSE_KPA, PLATE_KPA = 12.0, 18.0, 15.0, 55.0, 20.0
RATED_KPA = FILTER_KPA + EXCHANGER_KPA + PIPES_KPA + HOSE_KPA + PLATE_KPA
RATED_DELTA_KPA = PIPES_KPA + HOSE_KPA + PLATE_KPA
"""Between the supply and the return connector of the CDU."""

SHUT_OFF_RATIO = 1.4
"""Head at no flow, as a multiple of the head at rated flow."""

SPREAD = 0.02
"""Standard deviation of resistance from one branch, and from one plate, to the next."""

TREMBLE = 0.3
"""Standard deviation of what cavitation takes, as a share of it."""


class Hydraulics:
    """The loops of all racks; arrays have one element a rack, a node or a GPU, pumps have the shape (2, racks).

    Parameters
    ----------
    racks, nodes_per_rack, gpus_per_node
        Size of the hall.
    flow_lpm
        Of a GPU, on average, with one pump at rated speed.
    random
        For the spread of manufacture.
    """

    def __init__(
        self, racks: int, nodes_per_rack: int, gpus_per_node: int, *, flow_lpm: float,
        random: np.random.Generator,
    ) -> None:  # fmt: skip
        self.rated_lpm = flow_lpm * nodes_per_rack * gpus_per_node
        self._shape = (racks, nodes_per_rack, gpus_per_node)
        nodes, gpus = racks * nodes_per_rack, racks * nodes_per_rack * gpus_per_node
        hose = HOSE_KPA / (flow_lpm * gpus_per_node) ** 2
        self._hose_k = hose * (1.0 + SPREAD * random.standard_normal(nodes))
        spread = 1.0 + SPREAD * random.standard_normal(gpus, np.float32)
        self._plate_k: F32 = np.float32(PLATE_KPA / flow_lpm**2) * spread
        # Trembling is drawn apart: a fault must not move anybody else's noise.
        self._random = np.random.default_rng(random.integers(2**63))
        self._hose_factor, self._plate_factor = np.ones(nodes), np.ones(gpus, np.float32)
        self._node_c = np.empty((racks, nodes_per_rack))
        self._gpu_share = np.empty(self._shape, np.float32)
        self._branches_k = np.empty(racks)
        self._node_share = np.empty((racks, nodes_per_rack))
        self._split(np.arange(racks))

        self.flow_lpm = np.full(racks, self.rated_lpm)
        self.pump_flow_lpm = np.zeros((2, racks))
        self.node_flow_lpm = np.empty(nodes)
        self.gpu_flow_lpm: F32 = np.empty(gpus, np.float32)
        self.delta_kpa = np.full(racks, RATED_DELTA_KPA)
        self.filter_kpa_delta = np.full(racks, FILTER_KPA)

    def solve(self, effects: Effects, speed_ratio: F64, viscosity_ratio: F64) -> None:
        """Flows and pressures of this instant.

        Parameters
        ----------
        speed_ratio
            Of each pump to its rated speed, shape (2, racks).
        viscosity_ratio
            Of the coolant to the one it was designed for.
        """
        node_share, branches_k = self._branches(effects)
        friction = np.sqrt(np.sqrt(viscosity_ratio)) / self.rated_lpm**2
        open_ratio = 1.0 - np.minimum(effects.filter_clogged_ratio, 0.99)
        filter_k = FILTER_KPA * friction / open_ratio**2
        rack_k = (PIPES_KPA + branches_k * self.rated_lpm**2) * friction
        rack_k /= np.maximum(effects.opening_ratio, 1e-3) ** 2
        head = SHUT_OFF_RATIO * RATED_KPA * speed_ratio**2 * effects.pump_head_factor
        head *= 1.0 - self._cavitation(effects.cavitation_ratio)
        self._meet(head, filter_k + EXCHANGER_KPA * friction + rack_k)
        square = self.flow_lpm**2
        self.delta_kpa = rack_k * square
        self.filter_kpa_delta = filter_k * square
        np.multiply(
            self.flow_lpm[:, None], node_share, out=self.node_flow_lpm.reshape(node_share.shape)
        )
        node_flow = self.node_flow_lpm.astype(np.float32).reshape(*node_share.shape, 1)
        np.multiply(node_flow, self._gpu_share, out=self.gpu_flow_lpm.reshape(self._shape))

    def _meet(self, head: F64, k: F64) -> None:
        """Where pumps and loop meet."""
        a = (SHUT_OFF_RATIO - 1.0) * RATED_KPA / self.rated_lpm**2
        high, low = head.max(axis=0), head.min(axis=0)
        alone = high / (a + k)
        lead = k + 0.25 * a
        half = 0.25 * (high + low)
        root = np.sqrt(np.maximum(half**2 - lead * (high - low) ** 2 / (4.0 * a), 0.0))
        both = low > k * alone
        square = np.where(both, (half + root) / lead, alone)
        flow = np.sqrt(square)
        ahead = (high - low) / (a * np.maximum(flow, 1e-9))
        strong = np.where(both, 0.5 * (flow + ahead), flow)
        first = head[0] >= head[1]
        self.flow_lpm = flow
        self.pump_flow_lpm[0] = np.where(first, strong, flow - strong)
        self.pump_flow_lpm[1] = flow - self.pump_flow_lpm[0]

    def _cavitation(self, ratio: F64) -> F64:
        """Share of the head that is lost now."""
        rows = np.flatnonzero(ratio)
        if not rows.size:
            return ratio
        lost = ratio.copy()
        lost[rows] *= 1.0 + TREMBLE * self._random.standard_normal(rows.size)
        return np.clip(lost, 0.0, 1.0)

    def _branches(self, effects: Effects) -> tuple[F64, F64]:
        """Share of each node, and resistance of all of a rack's nodes together."""
        hose, plate = effects.node_k_factor, effects.plate_k_factor
        same = np.array_equal(hose, self._hose_factor) and np.array_equal(plate, self._plate_factor)
        if not same:
            racks = self._shape[0]
            changed = (hose != self._hose_factor).reshape(racks, -1).any(axis=1)
            changed |= (plate != self._plate_factor).reshape(racks, -1).any(axis=1)
            self._hose_factor, self._plate_factor = hose.copy(), plate.copy()
            self._split(np.flatnonzero(changed))
        airy = np.flatnonzero(effects.node_air_ratio)
        if not airy.size:
            return self._node_share, self._branches_k
        node_c = self._node_c.copy()
        noise = effects.node_air_ratio[airy] * self._random.standard_normal(airy.size)
        node_c.reshape(-1)[airy] *= np.clip(1.0 + noise, 0.05, 2.0)
        total = node_c.sum(axis=1)
        return node_c / total[:, None], total**-2.0

    def _split(self, rows: NDArray[np.intp]) -> None:
        """Shares of the branches of some racks, from their resistances."""
        nodes = self._shape[1]
        plate_k = (self._plate_k * self._plate_factor).reshape(self._shape)[rows]
        gpu_c = 1.0 / np.sqrt(plate_k.astype(np.float64))
        plates_c = gpu_c.sum(axis=2)
        hose_k = (self._hose_k * self._hose_factor).reshape(-1, nodes)[rows]
        node_c = 1.0 / np.sqrt(hose_k + plates_c**-2.0)
        total = node_c.sum(axis=1)
        self._gpu_share[rows] = gpu_c / plates_c[:, :, None]
        self._node_c[rows] = node_c
        self._node_share[rows] = node_c / total[:, None]
        self._branches_k[rows] = total**-2.0
