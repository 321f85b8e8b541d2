#!/usr/bin/env bash
# check_example.sh PROGRAM SOURCE: the program prints just what SOURCE with the ending .txt says, whether its functions
# run as native code or by the evaluator, and succeeds.
set -euo pipefail
expected=${2%.c}.txt
for jit in "" off; do
    if ! diff "$expected" <(EBB_JIT=$jit "$1" 2>&1 || echo "exit status $?"); then
        echo "$1 with EBB_JIT=$jit prints something else than $expected" >&2
        exit 1
    fi
done
