#!/usr/bin/env bash
# check_hard_cases.sh TESTS: tests/hard-cases.md has a row for each number from 1 to 106, and what the rows name exists:
# `file.c: test` is a test of that file; `file.c` alone has the number in it. A row names a test or says "not yet". The
# tests that ../docs/derivatives.md names exist too.
set -euo pipefail
cd "$1"
bad=0

complain() {
    echo "hard-cases.md: $1" >&2
    bad=1
}

# check_name NUMBER FILE TEST
check_name() {
    if [[ ! -f $2 ]]; then
        complain "$1: there is no $2"
    elif [[ -n $3 ]]; then
        grep -qE "^Test\(\w+, $3[,)]" "$2" || complain "$1: $2 has no test $3"
    else
        grep -q "$1" "$2" || complain "$1: $2 does not mention it"
    fi
}

for ((k = 1; k <= 106; k++)); do
    number=$(printf H%03d "$k")
    row=$(grep "^| $number |" hard-cases.md) || complain "no row $number"
    [[ $(wc -l <<<"$row") == 1 ]] || complain "more than one row $number"
    [[ $row == *test_*.c* || $row == *'not yet'* ]] || complain "$number names no test"
    while read -r file test; do
        [[ -z $file ]] || check_name "$number" "${file%:}" "$test"
    done < <(grep -oE "\`test_\w+\.c(: \w+)?\`" <<<"$row" | tr -d '\`' || true)
done

while read -r file test; do
    check_name derivatives.md "${file%:}" "$test"
done < <(grep -oE "\`test_\w+\.c: \w+\`" ../docs/derivatives.md | tr -d '\`')
exit "$bad"
