#!/bin/sh
# Prints the folder of a real Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
# kwok, which plays the nodes, and the kinds of two operators. Made once from Go modules (seven minutes on two quiet cores),
# outside the tree.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
kubernetes=1.36.3
kwok=0.8.0
prometheus_operator=0.85.0
keda=2.21.0
folder="${COLDPLATE_CACHE:-$HOME/.cache/coldplate}/tools/kubernetes-$kubernetes"
parts='etcd kube-apiserver kube-controller-manager kube-scheduler'

complete() {
  for part in $parts kwok stages.yaml definitions; do [ -s "$folder/$part" ] || return 1; done
}
say() { echo "cluster.sh: $*" >&2; }

if complete; then
  echo "$folder"
  exit
fi
go="$(command -v go || echo /usr/local/go/bin/go)"
[ -x "$go" ] || {
  say "Kubernetes $kubernetes is made with Go, and there is no \`go\`: install Go 1.26, or put its programs into $folder"
  exit 1
}
mkdir -p "$folder"
work="$folder/made"
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
export GOFLAGS='-buildvcs=false -mod=mod' GOWORK=off
go() { nice -n 19 "$go" "$@" >&2; }

# kubernetes names its own parts by folders beside it; outside its tree each is the module of the same name, at v0.MINOR.PATCH.
cp -r "$here/cluster/." "$work"
cd "$work"
say "reading what Kubernetes $kubernetes is made of"
nice -n 19 "$go" mod download -json "k8s.io/kubernetes@v$kubernetes" >module.json
gomod="$(sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' module.json)"
sed -n 's#^.*\(k8s.io/[a-z-]*\) => ./staging/.*#\1#p' "$gomod" | sort -u |
  sed "s#.*#replace & => & v0.${kubernetes#*.}#" >>go.mod

for part in $parts; do
  [ -s "$folder/$part" ] && continue
  say "making $part (of these kube-apiserver takes longest: four minutes)"
  go build -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$kubernetes" -o "$work/bin/$part" "./$part"
  # Made beside and moved, so that one that was stopped half-way is not taken for whole.
  mv "$work/bin/$part" "$folder/$part"
done

[ -s "$folder/kwok" ] && [ -s "$folder/stages.yaml" ] || {
  # It wants other versions of the same modules: a module of its own.
  say "making kwok $kwok"
  mkdir -p "$work/kwok"
  cd "$work/kwok"
  go mod init coldplate.cluster/kwok
  go get "sigs.k8s.io/kwok/cmd/kwok@v$kwok"
  go build -ldflags '-s -w' -o "$work/bin/kwok" sigs.k8s.io/kwok/cmd/kwok
  stages="$(nice -n 19 "$go" list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage"
  # What a node and a pod go through, as kwok's own files have it: it knows none by itself.
  find "$stages/node/fast" "$stages/node/heartbeat-with-lease" "$stages/pod/fast" -name '*.yaml' ! -name kustomization.yaml |
    sort | while read -r file; do
      echo '---'
      cat "$file"
    done >"$work/bin/stages.yaml"
  mv "$work/bin/kwok" "$work/bin/stages.yaml" "$folder/"
}

# What operators publish of their kinds; nothing of them is made or run.
say "taking the definitions of the Prometheus operator and of KEDA"
cd "$work"
mkdir -p definitions
sources() {
  nice -n 19 "$go" mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'
}
operator="$(sources "github.com/prometheus-operator/prometheus-operator@v$prometheus_operator")/example/prometheus-operator-crd"
for kind in podmonitors servicemonitors prometheusrules; do
  cp "$operator/monitoring.coreos.com_$kind.yaml" definitions/
done
scaler="$(sources "github.com/kedacore/keda/v2@v$keda")/config/crd/bases"
for kind in scaledobjects triggerauthentications; do
  cp "$scaler/keda.sh_$kind.yaml" definitions/
done
chmod u+w definitions/*
rm -rf "$folder/definitions"
mv definitions "$folder/definitions"
say "made in $folder"
echo "$folder"
