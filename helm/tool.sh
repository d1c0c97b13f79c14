#!/bin/sh
# Prints where helm is: one that $HELM names, one that was made before, or one made now with Go (two minutes, once).
set -eu
version=3.22.0
folder="${COLDPLATE_CACHE:-$HOME/.cache/coldplate}/tools/helm-$version"

if [ -n "${HELM:-}" ]; then
  [ -x "$HELM" ] || { echo "HELM names $HELM, which is no program" >&2; exit 1; }
  echo "$HELM"
  exit
fi
if [ ! -x "$folder/helm" ]; then
  go="$(command -v go || echo /usr/local/go/bin/go)"
  [ -x "$go" ] || {
    echo "helm $version is made with Go, and there is no \`go\`: install it, or name a helm 3 by HELM=/path/to/helm" >&2
    exit 1
  }
  echo "making helm $version in $folder (two minutes, once)" >&2
  mkdir -p "$folder"
  # Made beside and moved, so that one that was stopped half-way is not taken for whole.
  GOBIN="$folder/made" GOFLAGS=-buildvcs=false nice "$go" install "helm.sh/helm/v3/cmd/helm@v$version" >&2
  mv "$folder/made/helm" "$folder/helm"
  rmdir "$folder/made"
fi
echo "$folder/helm"
