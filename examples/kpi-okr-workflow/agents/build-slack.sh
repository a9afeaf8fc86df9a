#!/bin/sh
# Takes the Slack integration from its beta to everyone (002-driver-churn-fixes.2): flag, directory entry, guide.
set -eu

cd "$(dirname "$0")/.."
. agents/lib.sh

numbers=$(awk -f agents/figures.awk - "$context/datadog-churn-metrics.md" << 'LIST'
months  | Slack beta | Months stable | Value
success | Slack beta | Success rate  | Value
LIST
) || fail "without these figures nobody can say whether the beta is good enough"
eval "$numbers"
awk "BEGIN { exit !($months >= 2 && $success >= 90) }" ||
    fail "the beta is not good enough yet: stable for $months months (2 wanted), $success % success (90 wanted)"
say "the beta has earned it: stable for $months months, $success % success"
expect slack-integration "Slack integration to GA" "share of new accounts with a connected integration after 30 days"

has product/integrations.html 'data-integration="slack"' ||
    replace product/integrations.html 'Slack is in private beta' << 'HTML'
  <article class="card" data-integration="slack" data-stage="ga">
    <h2>Slack</h2>
    <p>What changes on a board is said in the channel of its team.</p>
    <p><a href="guides/connect-slack.html">How to connect Slack</a></p>
  </article>
HTML
say "integrations.html: Slack has its entry"

cat > product/guides/connect-slack.html << 'HTML'
<!doctype html>
<html lang="en">
<head>
  <title>Connect Slack · Plank</title>
<!--#include virtual="partials/head.html" -->
</head>
<body>
<!--#include virtual="partials/sidebar.html" -->
<main>
  <h1>Connect Slack</h1>
  <p>For every workspace, and for everyone in it who may change a board.</p>
  <ol>
    <li>Open <a href="../integrations.html">Integrations</a> and choose Slack.</li>
    <li>Sign in to Slack and allow Plank to post.</li>
    <li>For each board choose the channel that should hear of it.</li>
    <li>Choose what is worth a message: new tasks, finished ones, dates that moved.</li>
    <li>Send the test message, and look for it in the channel.</li>
  </ol>
  <h2>If nothing arrives</h2>
  <p>A private channel has to invite Plank first: type <kbd>/invite @plank</kbd> in it, and send the test message again.</p>
</main>
</body>
</html>
HTML
has product/guides/index.html connect-slack.html ||
    insert after product/guides/index.html 'connect-calendar.html' << 'HTML'
    <li><a href="connect-slack.html">Connect Slack</a></li>
HTML
say "guides/connect-slack.html: $(grep -c '<li>' product/guides/connect-slack.html) steps"

has product/partials/sidebar.html connect-slack.html ||
    insert after product/partials/sidebar.html 'integrations.html">Integrations' << 'HTML'
<!--#if flag="slack_integration" -->
    <li><a href="{{root}}guides/connect-slack.html">Connect Slack</a></li>
<!--#endif -->
HTML

switch_on slack_integration
