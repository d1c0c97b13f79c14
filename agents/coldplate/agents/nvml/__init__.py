"""The GPUs of this machine through NVML, NVIDIA's management library."""
