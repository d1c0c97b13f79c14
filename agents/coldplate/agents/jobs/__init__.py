"""Which job owns a GPU, by the cluster's own accounts: a mapping folder, Kubernetes' kubelet, Slurm's cgroups."""
