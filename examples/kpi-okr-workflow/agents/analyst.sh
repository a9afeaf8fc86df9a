#!/bin/sh
# The analyst: reads every figure out of the three context files and the assumptions out of the spec, computes what each
# intervention would do, ranks them and writes the findings. Nothing in the findings is typed in here but the words:
# change a figure in a context file and they change with it.
set -eu

cd "$(dirname "$0")/.."
. agents/lib.sh

spec=${CHANT_SPEC_FILE:-.chant/specs/001-research-churn-drivers.md}
datadog=datadog-churn-metrics.md
zendesk=zendesk-support-patterns.md
survey=user-survey-summary.md

# read_figures FILE: sets a shell variable for each line of the list on standard input.
read_figures() {
    [ -f "$context/$1" ] || fail "$context/$1 is not there"
    numbers=$(awk -f agents/figures.awk - "$context/$1") || fail "the analysis needs these figures"
    eval "$numbers"
    say "$1: $(printf '%s\n' "$numbers" | awk 'END { print NR }') figures read"
}

# assumption VARIABLE LABEL: the number that follows the label in the spec's list of assumptions.
assumption() {
    number=$(awk -v label="- $2: " '
        /^## / { inside = /^## Assumptions/ }
        inside && index($0, label) == 1 {
            $0 = substr($0, length(label) + 1)
            if ($1 ~ /^[0-9]+([.][0-9]+)?%?$/) { print $1 + 0; found = 1; exit }
        }
        END { exit !found }' "$spec") || fail "$spec: no number for the assumption \"$2\""
    eval "$1=\$number"
}

. agents/analyst-reads.sh
assumption kept_wizard "Kept by an onboarding wizard"
assumption kept_integration "Kept by an integration"
assumption kept_invite "Kept by inviting a teammate"
assumption counted_share "Counted after overlap"
assumption target "Target for monthly churn"
say "assumptions: $kept_wizard %, $kept_integration %, $kept_invite % kept; $counted_share % counts after overlap"

# The model, as the spec states it. Each estimate is rounded first, so that what the table shows adds up.
early=$(awk "BEGIN { print $left_0_7 + $left_8_30 }")
onboarding=$(calc "$startup_dec * $early * $kept_wizard / 10000")
integrations=$(calc "$overall_dec * $never_integration * $kept_integration / 10000")
invites=$(calc "$overall_dec * $never_invite * $kept_invite / 10000")
together=$(calc "$onboarding + $integrations + $invites")
counted=$(calc "$together * $counted_share / 100")
after=$(calc "$overall_dec - $counted")
verdict=$(awk "BEGIN { print ($after <= $target ? \"met\" : \"missed\") }")

# The same with the onboarding estimate for Startup customers alone, for the section on limits.
startup_share=$(awk "BEGIN { printf \"%.0f\", 100 * $startup_customers / $overall_customers }")
careful=$(calc "$onboarding * $startup_share / 100")
careful_after=$(calc "$overall_dec - ($careful + $integrations + $invites) * $counted_share / 100")
careful_verdict=$(awk "BEGIN { print ($careful_after <= $target ? \"met\" : \"missed\") }")

ranking=$(printf '%s 1 onboarding\n%s 2 integrations\n%s 3 invites\n' "$onboarding" "$integrations" "$invites" |
    sort -k1,1nr -k2,2n | awk '{ print $3 }')
place=0
for driver in $ranking; do
    place=$((place + 1))
    eval "say \"$place. $driver: \$$driver points\""
done
say "together $together, after overlap $counted: $overall_dec % -> $after %, target $target %: $verdict"

. agents/analyst-writes.sh
findings_document > "$findings"
wrong=$(grep -c 'DOES NOT ADD UP' "$findings") || true
[ "$wrong" = 0 ] || say "look at this: $wrong of the checks of the data do not add up"
say "written: $findings"

tick "Every figure in the findings was read from a context file or the list of assumptions; none was made up"
