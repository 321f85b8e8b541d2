#!/usr/bin/env bash
# check_includes.sh SOURCE_FOLDER RULES: fails if a room includes what it may not, or if LLVM is seen outside its rooms.
# A line of RULES is a room's folder, then the folders and files that it may include.
set -euo pipefail
cd "$1"
bad=0

complain() {
    echo "$1" >&2
    bad=1
}

# The file that an include in folder $1 of the name $2 means; nothing if it is not ours.
resolve() {
    local candidate
    for candidate in "$1/$2" "$2" "jit/graph/$2" "frontend/$2"; do
        if [[ -f $candidate ]]; then
            realpath --relative-to=. "$candidate"
            return
        fi
    done
}

# check_room FOLDER ALLOWED...
check_room() {
    local room=$1 file name target allowed ok
    shift
    for file in "$room"/*.{c,h,def}; do
        while read -r name; do
            target=$(resolve "$room" "$name")
            [[ -n $target ]] || continue
            ok=no
            for allowed in "$@"; do
                [[ $target == "$allowed" || ${target%/*} == "$allowed" ]] && ok=yes
            done
            [[ $ok == yes ]] || complain "$file includes $target, but $room may include only: $*"
        done < <(sed -nE 's/^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">].*/\1/p' "$file")
    done
}

shopt -s nullglob
while read -r room rest; do
    read -ra allowed <<<"$rest"
    check_room "$room" "$room" "${allowed[@]}"
done <"$2"

while read -r file; do
    case $file in
    ./jit/lower/* | ./jit/engine/*) ;;
    *) complain "$file includes an LLVM header; only jit/lower and jit/engine may" ;;
    esac
done < <(find . -path ./build -prune -o -name '.?*' -prune -o \( -name '*.[ch]' -o -name '*.def' \) -print0 |
    xargs -0 -r grep -lE '^[ \t]*#[ \t]*include[ \t]*["<]llvm(-c)?/')

exit "$bad"
