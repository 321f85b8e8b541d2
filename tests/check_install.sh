#!/usr/bin/env bash
# check_install.sh BUILD PREFIX README: installs into PREFIX; the first program of the README compiles against it in the
# way the README says and prints what the README shows; the installed command finds the installed engine by itself.
set -euo pipefail
build=$1 prefix=$2 readme=$3
unset EBB_ENGINE
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >/dev/null

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name ebb.pc)")
export PKG_CONFIG_PATH
# The n-th fenced block after the heading.
block() {
    awk -v wanted="$1" '/^## A first program/ { on = 1 } /^```/ && on { fence++; next }
        on && fence == 2 * wanted - 1 { print } /^## / && !/first program/ { on = 0 }' "$readme"
}
block 1 >"$prefix/first.c"
block 2 >"$prefix/expected"
read -ra flags <<<"$(pkg-config --cflags --libs ebb)"
gcc -std=c11 -Wall -Wextra -Werror "$prefix/first.c" "${flags[@]}" -o "$prefix/first"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir ebb) "$prefix/first" >"$prefix/printed"
if ! diff "$prefix/expected" "$prefix/printed"; then
    echo "the first program of the README prints something else than the README says" >&2
    exit 1
fi

answer=$("$prefix/bin/ebb" grad 'x*x' -v x=3 --mode compiled --json)
if [[ $answer != *'"x":6'* ]]; then
    echo "the installed command says: $answer" >&2
    exit 1
fi
