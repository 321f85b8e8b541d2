#!/usr/bin/env bash
# check_docs.sh SOURCE_FOLDER: what the pages say of the tree is true: each file that a page links to is there, and each
# line that a diff adds (its files are named by +++) is in its file.
set -euo pipefail
cd "$1"
bad=0

complain() {
    echo "$1" >&2
    bad=1
}

# check_links PAGE: relative links, without what follows #
check_links() {
    local link
    while read -r link; do
        [[ -e ${1%/*}/$link ]] || complain "$1 links to $link, which is not there"
    done < <(grep -oE '\]\([^)#]+' "$1" | cut -c3- | grep -vE '^[a-z]+:' || true)
}

# check_diffs PAGE
check_diffs() {
    local line file="" inside=no
    while IFS= read -r line; do
        case $line in
        '```diff') inside=yes file="" ;;
        '```') inside=no ;;
        '+++ '*) [[ $inside == no ]] || file=${line#+++ } ;;
        [+\ ]*) [[ $inside == no ]] || grep -Fxqe "${line:1}" "$file" || complain "$1: not in ${file:-any file}: ${line:1}" ;;
        esac
    done <"$1"
}

for page in ./*.md docs/*.md docs/*/*.md; do
    check_links "$page"
    check_diffs "$page"
done
exit "$bad"
