// A Kubernetes control plane and the resource definitions of the operators that the chart speaks to.
// The replaces of k8s.io/kubernetes are added from its own go.mod where it is built: see ../cluster.sh.
module coldplate.cluster

go 1.26.0

require (
	go.etcd.io/etcd/server/v3 v3.6.13
	k8s.io/kubernetes v1.36.3
)
