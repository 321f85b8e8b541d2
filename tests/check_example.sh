#!/usr/bin/env bash
# check_example.sh PROGRAM SOURCE: the program prints just what SOURCE with the ending .txt says, whether its functions
# run as native code or by the evaluator, and succeeds; given the name of a file it draws just the picture with the
# ending .svg, if there is one.
set -euo pipefail
expected=${2%.c}.txt picture=${2%.c}.svg drawn=$(mktemp)
trap 'rm -f "$drawn"' EXIT
for jit in "" off; do
    if ! diff "$expected" <(EBB_JIT=$jit "$1" 2>&1 || echo "exit status $?"); then
        echo "$1 with EBB_JIT=$jit prints something else than $expected" >&2
        exit 1
    fi
    if [[ -f $picture ]]; then
        EBB_JIT=$jit "$1" "$drawn" >/dev/null
        cmp "$drawn" "$picture"
    fi
done
