"""The digital twin: a hall whose GPUs and water behave as physics says, with faults at known times.

One concept a file: scenario (what happens), gpu and coolant (the physics), faults (the library), model (the
hall that steps them), collector (the agent's way in).
"""
