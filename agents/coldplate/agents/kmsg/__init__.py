"""The kernel's log: its records, and the lines of NVIDIA's driver in it."""
