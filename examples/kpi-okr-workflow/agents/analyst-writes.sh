# The words of the findings, with the figures filled in. A part of analyst.sh.

findings_document() {
    cat << END
# Findings: what drives monthly churn, and what would lower it

Written by the analyst for spec 001 from three context files and the spec's assumptions. To change a number here, change
it where it comes from and have the research done again.

## Summary

Monthly churn is $overall_dec % in December, after $overall_oct % in October and $overall_nov % in November. Three drivers stand out, and
something can be done about each. All three together, allowing for overlap, would bring it down by about $counted
points, to about $after %.

Target of $target %: $verdict.

| Rank | Driver | Intervention | Computed as | Effect, pp |
|------|--------|--------------|-------------|------------|
END
    place=0
    for driver in $ranking; do
        place=$((place + 1))
        "row_$driver"
    done
    cat << END
|      | Together | before overlap | $(sum_in_words) | $together |
|      | Counted | after overlap | $together × $counted_share % | $counted |
|      | Monthly churn | afterwards | $overall_dec − $counted | $after |

## Drivers, the largest first

END
    place=0
    for driver in $ranking; do
        place=$((place + 1))
        "driver_$driver"
        printf '\n'
    done
    method
    checks
    limits
}

sum_in_words() {
    words=
    for driver in $ranking; do
        eval "words=\"\${words:+\$words + }\$$driver\""
    done
    printf '%s' "$words"
}

row() { printf '| %-4s | %s | %s | %s | %s |\n' "$place" "$1" "$2" "$3" "$4"; }
row_onboarding() {
    row Onboarding "Onboarding wizard" "$startup_dec % × $early % × $kept_wizard %" "$onboarding"
}
row_integrations() {
    row Integrations "Slack integration to GA" "$overall_dec % × $never_integration % × $kept_integration %" "$integrations"
}
row_invites() {
    row "Working alone" "Team invite" "$overall_dec % × $never_invite % × $kept_invite %" "$invites"
}

driver_onboarding() {
    cat << END
### $place. Onboarding: they leave before it works for them

- $early % of those who leave do so in their first 30 days: $left_0_7 % in the first week, $left_8_30 % in the three after it; $left_31_90 % leave within 90 days, $left_later % later (\`$datadog\`, When they leave)
- Startup customers churn at $startup_oct / $startup_nov / $startup_dec % (October / November / December), Mid-Market at $mid_oct / $mid_nov / $mid_dec %, Enterprise at $enterprise_oct / $enterprise_nov / $enterprise_dec % (\`$datadog\`, Churn by segment)
- $never_template % of those who left never used a template; of those kept, $kept_template % did (\`$datadog\`, Feature adoption)
- $tickets_onboarding of $tickets_all tickets, $share_onboarding %, are confusion at the start; "set up my first project" stands in $phrase_first_project, importing from other tools in $phrase_import, "where is the dashboard" in $phrase_dashboard (\`$zendesk\`)
- Three or more tickets in the first week: $churn_many_tickets % churn; none: $churn_no_tickets % (\`$zendesk\`, Tickets in the first week)
- $said_hard of $answered answers, $pct_hard %, say it was too hard to get started (\`$survey\`, Main reason)

**What would help:** an onboarding wizard that ends with a first project made from a template. Expected: **$onboarding points**.
END
}

driver_integrations() {
    cat << END
### $place. Integrations: it stands apart from the tools they live in

- $never_integration % of those who left had no integration; of those kept, $kept_integrated % had one (\`$datadog\`, Feature adoption)
- $tickets_features of $tickets_all tickets, $share_features %, ask for a feature that is missing (\`$zendesk\`, Tickets by theme)
- $said_feature of $answered answers, $pct_feature %, name a missing key feature, and $said_competitor, $pct_competitor %, went to a competitor (\`$survey\`, Main reason)
- The Slack beta has been stable for $slack_months months, with $slack_installs installs and $slack_success % success (\`$datadog\`, Slack beta)

**What would help:** the Slack integration for everyone. Expected: **$integrations points**.
END
}

driver_invites() {
    cat << END
### $place. Working alone: the team never came

- $never_invite % of those who left never invited a teammate; of those kept, $kept_invited % did (\`$datadog\`, Feature adoption)
- "My team can't see my projects" stands in $phrase_team tickets (\`$zendesk\`, Phrases that come back)
- $said_price of $answered answers, $pct_price %, name the price, which is paid for a team and used by one (\`$survey\`, Main reason)

**What would help:** invitations where one looks for them: sidebar, wizard and the empty view. Expected: **$invites points**.
END
}

method() {
    cat << END
## Method

All churn is of December, the latest month. The assumptions are a person's, stated in spec 001; the rest is in the
context files.

- Onboarding: churn of Startup customers × the share who leave in the first 30 days × the $kept_wizard % of them that a wizard keeps
- Integrations: overall churn × the share without an integration × the $kept_integration % of them that one keeps
- Working alone: overall churn × the share who never invited anyone × the $kept_invite % of them that an invitation keeps
- Overlap: one customer can be reached by more than one of them, so $counted_share % of the sum counts

Each estimate is rounded to a tenth of a point before it is added up: the figures do not bear more.

END
}

# check WORDS EXPRESSION: whether an awk expression holds, in words; off(a, b) is how far a and b are apart.
check() {
    if awk "function off(a, b) { return a < b ? b - a : a - b } BEGIN { exit !($2) }"; then
        result="adds up"
    else
        result="DOES NOT ADD UP"
    fi
    printf -- '- %s: %s\n' "$1" "$result"
}

# shares_agree ALL COUNT SHARE …: the expression that each count is that share of all.
shares_agree() {
    all=$1
    shift
    printf '1'
    while [ $# -ge 2 ]; do
        printf ' && off(100 * %s, %s * %s) <= %s' "$1" "$2" "$all" "$all"
        shift 2
    done
}

checks() {
    printf '## Checks of the data\n\n'
    check "Segments sum to $overall_customers customers" \
        "$startup_customers + $mid_customers + $enterprise_customers == $overall_customers"
    weighted=$(calc "($startup_customers * $startup_dec + $mid_customers * $mid_dec + $enterprise_customers * $enterprise_dec) / $overall_customers")
    check "Segments weighted by customers give $weighted % for December, reported are $overall_dec % (to half a point)" \
        "off($weighted, $overall_dec) <= 0.5"
    check "Leavers by age of the account sum to 100 %" \
        "$left_0_7 + $left_8_30 + $left_31_90 + $left_later == 100"
    check "$overall_dec % of $overall_customers customers are the $tickets_all accounts whose tickets were read (to one in ten)" \
        "off($overall_dec * $overall_customers / 100, $tickets_all) <= $tickets_all / 10"
    check "Tickets by theme sum to $tickets_all" \
        "$tickets_onboarding + $tickets_features + $tickets_billing + $tickets_performance + $tickets_other == $tickets_all"
    check "Ticket shares sum to 100 % (to two points, for they are rounded)" \
        "off($share_onboarding + $share_features + $share_billing + $share_performance + $share_other, 100) <= 2"
    check "Ticket shares fit the counts (to one point)" \
        "$(shares_agree $tickets_all $tickets_onboarding $share_onboarding $tickets_features $share_features \
            $tickets_billing $share_billing $tickets_performance $share_performance $tickets_other $share_other)"
    check "Answers by reason sum to $answered" \
        "$said_hard + $said_feature + $said_competitor + $said_price + $said_other == $answered"
    check "Answer shares sum to 100 % (to two points, for they are rounded)" \
        "off($pct_hard + $pct_feature + $pct_competitor + $pct_price + $pct_other, 100) <= 2"
    check "Answer shares fit the counts (to one point)" \
        "$(shares_agree $answered $said_hard $pct_hard $said_feature $pct_feature $said_competitor $pct_competitor \
            $said_price $pct_price $said_other $pct_other)"
    check "$answered of $asked answered: $response_rate %" \
        "off(100 * $answered, $response_rate * $asked) <= 0.5 * $asked"
    printf '\n'
}

limits() {
    cat << END
## Limits

- The onboarding estimate takes the churn of Startup customers for that of all. They are $startup_share % of the customers
  ($startup_customers of $overall_customers); counted for them alone it is $careful points, and churn would come down to $careful_after %: target $careful_verdict.
- When they leave is known for leavers of all segments together, not for each.
- Who has no integration or never invited anyone may have been leaving already. That they go together does not show that
  one causes the other; the shares assumed to be kept are the weakest part, and the first thing to measure.
- $(awk "BEGIN { print $asked - $answered }") of $asked did not answer the survey.
END
}
