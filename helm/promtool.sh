#!/bin/sh
# Prints where promtool is: one that $PROMTOOL names, one that was made before, or one made now with Go (some minutes, once).
set -eu
version=0.316.0
folder="${COLDPLATE_CACHE:-$HOME/.cache/coldplate}/tools/promtool-$version"

if [ -n "${PROMTOOL:-}" ]; then
  [ -x "$PROMTOOL" ] || { echo "PROMTOOL names $PROMTOOL, which is no program" >&2; exit 1; }
  echo "$PROMTOOL"
  exit
fi
if [ ! -x "$folder/promtool" ]; then
  go="$(command -v go || echo /usr/local/go/bin/go)"
  [ -x "$go" ] || {
    echo "promtool $version is made with Go, and there is no \`go\`: install it, or name a promtool by PROMTOOL=/path/to/promtool" >&2
    exit 1
  }
  echo "making promtool $version in $folder (some minutes, once)" >&2
  mkdir -p "$folder"
  # Without the clients of two dozen clouds, which rules have no use for and which take most of the time. Made beside and moved, so that one
  # that was stopped half-way is not taken for whole.
  GOBIN="$folder/made" GOFLAGS=-buildvcs=false nice "$go" install -tags remove_all_sd "github.com/prometheus/prometheus/cmd/promtool@v$version" >&2
  mv "$folder/made/promtool" "$folder/promtool"
  rmdir "$folder/made"
fi
echo "$folder/promtool"
