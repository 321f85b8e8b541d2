#!/usr/bin/env bash
# check_install.sh BUILD PREFIX: installs into PREFIX; a program of a stranger compiles and links against it, and the
# installed command finds the installed engine by itself.
set -euo pipefail
build=$1 prefix=$2
unset EBB_ENGINE
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >/dev/null

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name ebb.pc)")
export PKG_CONFIG_PATH
printf '#include <ebb.h>\nint main(void) { return EBB_VERSION_MAJOR > 100; }\n' >"$prefix/program.c"
read -ra flags <<<"$(pkg-config --cflags --libs ebb)"
gcc -std=c11 -Wall -Wextra -Werror "$prefix/program.c" -Wl,--no-as-needed "${flags[@]}" -o "$prefix/program"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir ebb) "$prefix/program"

answer=$("$prefix/bin/ebb" grad 'x*x' -v x=3 --mode compiled --json)
if [[ $answer != *'"x":6'* ]]; then
    echo "the installed command says: $answer" >&2
    exit 1
fi
