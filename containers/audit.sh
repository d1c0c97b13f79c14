#!/bin/sh
# Asks the advisory database of the Python registry for every locked distribution. PIP_AUDIT names the program.
# Exit 0: all were looked up and nothing is known; 1: something is; 3: it was not asked, or does not know them all.
set -u
out="$(mktemp)"
trap 'rm -f "$out"' EXIT
"${PIP_AUDIT:-pip-audit}" --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements.lock >"$out" 2>&1
code=$?
if [ "$code" -eq 0 ]; then
  cat "$out"
elif grep -q 'known vulnerabilit' "$out"; then
  cat "$out"
  exit 1
else
  tail -n 1 "$out" >&2
  echo 'the advisory database was not reached, or has not all of them: NOTHING WAS AUDITED; run it where the registry of Python packages is reached' >&2
  exit 3
fi
