#!/usr/bin/env bash
# check_install.sh BUILD PREFIX README: a project (tests/consumer) builds and runs against the installed tree, and again
# when the tree has been moved; installs into PREFIX; the first program of the README compiles against it in the
# way the README says and prints what the README shows; the examples compile in the same way; the installed command
# finds the installed engine by itself.
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

# So do the longer programs (check_example.sh compares what they print).
for source in "${readme%/*}"/docs/examples/*.c; do
    gcc -std=c11 -Wall -Wextra -Werror "$source" "${flags[@]}" -lm -o "$prefix/example"
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir ebb) "$prefix/example" >/dev/null
done

# What must not compile: a second operand of square (G003-9), two numbers as the operands of one operation.
refuse() {
    printf '#include <ebb.h>\nebb_tensor *f(ebb_tensor *x, ebb_tensor *y);\nebb_tensor *f(ebb_tensor *x, ebb_tensor *y) { (void)y; return %s; }\n' \
        "$1" >"$prefix/refused.c"
    if gcc -std=c11 -fsyntax-only "${flags[@]}" "$prefix/refused.c" 2>/dev/null; then
        echo "$1 compiles, and must not" >&2
        exit 1
    fi
}
refuse 'ebb_square(x, y)'
refuse 'ebb_add(1, 2)'

answer=$("$prefix/bin/ebb" grad 'x*x' -v x=3 --mode compiled --json)
if [[ $answer != *'"x":6'* ]]; then
    echo "the installed command says: $answer" >&2
    exit 1
fi

# ---- a project of one's own, in C and C++, by CMake's package and by pkg-config ----

# The programs print the same in both languages, and need neither LD_LIBRARY_PATH nor EBB_ENGINE if they say where
# the library is.
expect_gradient() {
    local printed
    printed=$("$1")
    if [[ $printed != "ebb.Tensor([ 3. 12.], shape=(2,), dtype=float64)" ]]; then
        echo "$1 prints: $printed" >&2
        exit 1
    fi
}

# consume PREFIX WORK
consume() {
    local tree=$1 work=$2 consumer flags library
    consumer=$(dirname "${BASH_SOURCE[0]}")/consumer
    rm -rf "$work"
    cmake -S "$consumer" -B "$work" -DCMAKE_PREFIX_PATH="$tree" >/dev/null
    cmake --build "$work" >/dev/null
    expect_gradient "$work/in_c"
    expect_gradient "$work/in_cpp"
    if [[ -e $work/in_c_static ]]; then # it knows no engine but that of the build's own prefix
        EBB_ENGINE=$(find "$tree" -name ebb-engine.so) expect_gradient "$work/in_c_static"
    fi
    PKG_CONFIG_PATH=$(dirname "$(find "$tree" -name ebb.pc)")
    library=$(pkg-config --variable=libdir ebb)
    read -ra flags <<<"$(pkg-config --cflags --libs ebb)"
    gcc -std=c11 "$consumer/in_c.c" "${flags[@]}" -Wl,-rpath,"$library" -o "$work/by_pkg_config_c"
    g++ -std=c++11 "$consumer/in_cpp.cpp" "${flags[@]}" -Wl,-rpath,"$library" -o "$work/by_pkg_config_cpp"
    expect_gradient "$work/by_pkg_config_c"
    expect_gradient "$work/by_pkg_config_cpp"
}

consume "$prefix" "$prefix-consumer"
rm -rf "$prefix-moved"
mv "$prefix" "$prefix-moved"
consume "$prefix-moved" "$prefix-consumer"
