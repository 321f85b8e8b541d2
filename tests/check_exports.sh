#!/usr/bin/env bash
# check_exports.sh LIBEBB ENGINE ARCHIVE: the library lets out only ebb_ symbols, the engine only its one table, and the
# archive (the static library that is installed) the same symbols as the library.
set -euo pipefail

# The linker's own marks do not count.
exports() {
    nm -D --defined-only "$1" | awk '$3 !~ /^(__bss_start|_edata|_end)$/ { print $3 }'
}

if foreign=$(exports "$1" | grep -v '^ebb_'); then
    echo "$1 exports" "$foreign" >&2
    exit 1
fi
table=$(exports "$2")
if [[ $(wc -w <<<"$table") != 1 ]]; then
    echo "$2 must export its table only, but exports: $table" >&2
    exit 1
fi
if ! diff <(exports "$1" | sort) <(nm -g --defined-only "$3" | awk 'NF == 3 { print $3 }' | sort); then
    echo "$1 and $3 do not export the same" >&2
    exit 1
fi
