#!/bin/sh
# Puts the pages of the product together.
#
#   sh product/build.sh PAGE      one page, on standard output
#   sh product/build.sh -o DIR    all of them into DIR, to look at in a browser
#   sh product/build.sh --check   names every link that leads nowhere; 1 if there is one
#   sh product/build.sh --flags   the feature flags: name, stage, audience
set -eu

here=$PWD
cd "$(dirname "$0")"

page() { awk -v page="$1" -f build.awk < /dev/null; }

links() {
    page "$1" | awk '{
        n = split($0, part, /href="/)
        for (i = 2; i <= n; i++) {
            sub(/".*/, "", part[i]); sub(/[#?].*/, "", part[i])
            if (part[i] != "" && part[i] !~ /^[a-z]+:/) print part[i]
        }
    }'
}

check() {
    status=0
    for page in *.html guides/*.html; do
        page "$page" > /dev/null || status=1
        for link in $(links "$page"); do
            [ -f "$(dirname "$page")/$link" ] && continue
            printf '%s: nothing at %s\n' "$page" "$link"
            status=1
        done
    done
    return $status
}

build() {
    case $1 in /*) out=$1 ;; *) out=$here/$1 ;; esac
    mkdir -p "$out/guides"
    for page in *.html guides/*.html; do page "$page" > "$out/$page"; done
    cp ./*.css "$out/"
    printf 'built: %s/index.html\n' "$out"
}

case ${1-} in
    --check) check ;;
    --flags) awk -v list=1 -f build.awk < /dev/null ;;
    -o) build "${2:?a directory}" ;;
    '' | -*) sed -n '2,7s/^# \{0,1\}//p' build.sh >&2; exit 2 ;;
    *) page "$1" ;;
esac
