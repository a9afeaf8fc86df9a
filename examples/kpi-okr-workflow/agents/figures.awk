# Reads figures out of the tables of a markdown file.
#
#   awk -f agents/figures.awk LIST FILE
#
# LIST says which, one a line: `name | section | row | column`, where the section is a heading, the row a first cell and
# the column a header. Prints `name=number` for each, ready for the shell. A figure that is not there, or is no number,
# is named on standard error, and the exit code is 1.

function trim(text) { gsub(/^[ \t]+|[ \t\r]+$/, "", text); return text }

FNR == NR {
    if (split($0, want, /[|]/) == 4) {
        name[++wanted] = trim(want[1])
        place[wanted] = trim(want[2]) SUBSEP trim(want[3]) SUBSEP trim(want[4])
        words[wanted] = "\"" trim(want[2]) "\", row \"" trim(want[3]) "\", column \"" trim(want[4]) "\""
    }
    next
}

{ file = FILENAME }
/^#/ { section = $0; sub(/^#+/, "", section); section = trim(section) }
!/^[|]/ { header = 0; next }
/^[|][-: |]+$/ { next }
{
    cells = split($0, cell, /[|]/)
    if (!header) {
        header = 1
        for (i = 2; i < cells; i++) column[i] = trim(cell[i])
    } else {
        for (i = 3; i < cells; i++) value[section, trim(cell[2]), column[i]] = trim(cell[i])
    }
}

END {
    for (i = 1; i <= wanted; i++) {
        found = value[place[i]]
        gsub(/,/, "", found)
        if (found ~ /^[0-9]+([.][0-9]+)?( *%)?$/) {
            sub(/ *%$/, "", found)
            print name[i] "=" found
        } else {
            print file ": no figure under " words[i] (found == "" ? "" : ": " found) > "/dev/stderr"
            missing = 1
        }
    }
    exit missing
}
