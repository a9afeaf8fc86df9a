# One page of the product, put together: `<!--#include virtual="…" -->` brings in a part, what stands between
# `<!--#if flag="…" -->` and `<!--#endif -->` is shown only where that flag's stage is "ga", and {{root}} is the way
# back to the top folder. Given -v list=1 it prints the flags instead.

BEGIN {
    read_flags("flags.json")
    if (list) {
        for (i = 1; i <= flags; i++) print name[i], stage[name[i]], audience[name[i]]
        exit
    }
    root = page ~ /\// ? "../" : ""
    emit(page)
    exit failed
}

function emit(file,   line, got, hidden, flag) {
    while ((got = (getline line < file)) > 0) {
        if (line ~ /<!--#if flag="/) {
            flag = quoted(line)
            if (!(flag in stage)) complain(file " asks for a flag that does not exist: " flag)
            hidden = stage[flag] != "ga"
        } else if (line ~ /<!--#endif -->/) {
            hidden = 0
        } else if (hidden) {
            continue
        } else if (line ~ /<!--#include virtual="/) {
            emit(quoted(line))
        } else {
            gsub(/[{][{]root[}][}]/, root, line)
            if (index(line, "<li><a href=\"" root page "\""))
                sub(/<a /, "<a aria-current=\"page\" ", line)
            print line
        }
    }
    if (got < 0) complain("no such file: " file)
    close(file)
}

function read_flags(file,   line) {
    while ((getline line < file) > 0) {
        if (line ~ /": [{]/) { name[++flags] = quoted(line); stage[name[flags]] = "" }
        if (line ~ /"stage":/) stage[name[flags]] = value(line)
        if (line ~ /"audience":/) audience[name[flags]] = value(line)
    }
    close(file)
}

# The first thing in quotes, and what is in quotes after a colon.
function quoted(line) { sub(/^[^"]*"/, "", line); sub(/".*/, "", line); return line }
function value(line) { sub(/^[^:]*:/, "", line); return quoted(line) }

function complain(what) { print "build: " what > "/dev/stderr"; failed = 1 }
