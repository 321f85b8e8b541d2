#!/usr/bin/env bash
# check_numbers.sh TESTS: each numbered line of TESTS/numbers.txt is named by a test.
set -euo pipefail
cd "$1"
bad=0

# How a test names line $2 of list $1.
pattern() {
    case $1 in
    S*) echo "Test\(semantics_${1#S}, line_$2_|\"$1\.$2 " ;;
    G*) printf "%s\n" "\\b$1-$2\\b" ;;
    esac
}

while read -r list last; do
    for ((i = 1; i <= last; i++)); do
        if ! grep -qE "$(pattern "$list" "$i")" test_*.c check_*.sh; then
            echo "no test names line $i of $list" >&2
            bad=1
        fi
    done
done < <(grep '^[A-Z]' numbers.txt)
exit "$bad"
