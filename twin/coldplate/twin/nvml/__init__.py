"""A stand-in for NVIDIA's management library: as many recorded GPUs as one likes, with faults on command."""
