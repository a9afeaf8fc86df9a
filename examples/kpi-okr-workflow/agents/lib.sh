# What all of the crew use. Read with `. agents/lib.sh` from the project's directory.

LC_ALL=C
export LC_ALL

# Standard input is the prompt, which is for a model; nothing here reads it.
exec < /dev/null

context=.chant/context/kpi-churn-q1
findings=$context/research-findings.md

# A line of progress. KPI_PACE=1 waits a second after each, so that one can watch.
say() {
    printf '%s\n' "$*"
    [ "${KPI_PACE:-0}" = 0 ] || sleep "$KPI_PACE"
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# calc EXPRESSION: rounded to a tenth.
calc() { awk "BEGIN { printf \"%.1f\", $1 }"; }

has() { grep -qF -e "$2" "$1" 2> /dev/null; }

# change FILE AWK-PROGRAM: the file as the program prints it; it exits 1 where it did not find its place.
change() {
    changed=$(awk "$2" "$1") || fail "$1: the place to change is not there"
    printf '%s\n' "$changed" > "$1"
}

# insert before|after FILE PLACE: standard input goes before or after the first line that holds PLACE.
insert() {
    NEW=$(cat) PLACE=$3 WHERE=$1
    export NEW PLACE WHERE
    change "$2" '
        !done && index($0, ENVIRON["PLACE"]) {
            done = 1
            if (ENVIRON["WHERE"] == "before") print ENVIRON["NEW"]
            print
            if (ENVIRON["WHERE"] == "after") print ENVIRON["NEW"]
            next
        }
        { print }
        END { exit !done }'
}

# replace FILE PLACE: standard input instead of the first line that holds PLACE.
replace() {
    NEW=$(cat) PLACE=$2
    export NEW PLACE
    change "$1" '
        !done && index($0, ENVIRON["PLACE"]) { done = 1; print ENVIRON["NEW"]; next }
        { print }
        END { exit !done }'
}

# A feature that everybody gets.
switch_on() {
    FLAG=$1
    export FLAG
    change product/flags.json '
        /": [{]/ { inside = index($0, "\"" ENVIRON["FLAG"] "\"") }
        inside && /"stage":/ { sub(/: "[^"]*"/, ": \"ga\""); done = 1 }
        inside && /"audience":/ { sub(/: "[^"]*"/, ": \"everyone\"") }
        { print }
        END { exit !done }'
    say "flag $1: on for everyone"
}

# expect NAME INTERVENTION MEASURE: writes down what the findings expect of this change, and how one will know.
expect() {
    [ -f "$findings" ] || fail "$findings is not there: the research (001) comes first"
    points=$(awk -F ' *[|] *' -v what="$2" '$4 == what { print $6 }' "$findings")
    [ -n "$points" ] || fail "$findings has no estimate for: $2"
    cat > "product/kpi/$1.json" << JSON
{
  "metric": "monthly churn",
  "expected_pp": $points,
  "source": "$findings",
  "measure": "$3"
}
JSON
    say "expected of it: $points points of monthly churn"
}

# Ticks one criterion of the own spec: only one that carries no command, for those are not ours to tick.
tick() {
    [ -n "${CHANT_SPEC_FILE:-}" ] || return 0
    BOX="- [ ] $1"
    export BOX
    change "$CHANT_SPEC_FILE" '
        { line[NR] = $0 }
        END {
            for (i = 1; i <= NR; i++) {
                if (line[i] == ENVIRON["BOX"] && line[i + 1] !~ /^ +`[$] /) sub(/\[ \]/, "[x]", line[i])
                print line[i]
            }
        }'
}
