"""What tests do to the evidence of a rack: a reading changed, or gone."""

from dataclasses import replace

import numpy as np

from coldplate.console.commission.phases import PHASES

SHORT = tuple(replace(p, short_s=max(10.0, round(0.6 * p.short_s))) for p in PHASES)
"""The procedure in three minutes of the twin's time."""


def changed(evidence, phases, kind, change, *metrics):
    """Another evidence: `change` writes into a copy of the samples, shape (ticks, devices), of some metrics in phases."""
    spans = dict(evidence.spans)
    for phase in phases:
        of = dict(spans[phase].values[kind])
        for metric in metrics or tuple(of):
            of[metric] = of[metric].copy()
            change(of[metric])
        spans[phase] = replace(spans[phase], values={**spans[phase].values, kind: of})
    return replace(evidence, spans=spans)


def vanished(evidence, phases, kind, metric):
    """A reading of all devices breaks off in the middle."""

    def cut(samples):
        samples[len(samples) // 2 :] = np.nan

    return changed(evidence, phases, kind, cut, metric)


def times(factor, column=slice(None), first=0, last=None):
    """Multiply."""

    def change(samples):
        samples[first:last, column] *= factor

    return change


def plus(amount, column=slice(None), first=0, last=None):
    """Add."""

    def change(samples):
        samples[first:last, column] += amount

    return change


def gone(column):
    """Absent."""

    def change(samples):
        samples[:, column] = np.nan

    return change
