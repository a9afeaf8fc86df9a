#!/bin/sh
# Builds the onboarding wizard (002-driver-churn-fixes.1): its page, the ways to it, its flag.
set -eu

cd "$(dirname "$0")/.."
. agents/lib.sh

expect onboarding-wizard "Onboarding wizard" "share of new accounts that reach the last step within 7 days"

# One choice for each template in product/templates.json, the first one chosen.
choices() {
    awk '
        function field(key) { rest = $0; sub(".*\"" key "\": \"", "", rest); sub(/".*/, "", rest); return rest }
        /"id": "/ {
            tasks = $0; sub(/.*"tasks": \[/, "", tasks); sub(/\].*/, "", tasks); gsub(/"/, "", tasks)
            printf "        <label><input type=\"radio\" name=\"template\" value=\"%s\"%s> %s <span class=\"note\">%s</span></label>\n",
                field("id"), n++ ? "" : " checked", field("name"), tasks
        }' product/templates.json
}

cat > product/wizard.html << HTML
<!doctype html>
<html lang="en">
<head>
  <title>Get started · Plank</title>
<!--#include virtual="partials/head.html" -->
  <link rel="stylesheet" href="{{root}}wizard.css">
</head>
<body>
<!--#include virtual="partials/sidebar.html" -->
<main>
  <h1>Your first project in four steps</h1>

  <ol class="steps">
    <li class="card" id="template" data-step="template">
      <h2>Choose a template</h2>
      <p class="ask">Pick the one that is nearest to what you do; you can change all of it later.</p>
      <form action="#project">
$(choices)
        <p><a class="primary" href="#project">Next</a></p>
      </form>
      <p class="note">Coming from another tool? The template gives your lists a place to go.</p>
    </li>

    <li class="card" id="project" data-step="project">
      <h2>Create your first project</h2>
      <p class="ask">Give it a name; the tasks of the template are already in it.</p>
      <form action="#invite">
        <label>Name <input type="text" name="project" value="My first project"></label>
        <p><a class="primary" href="#invite">Create the project</a></p>
      </form>
    </li>

    <li class="card" id="invite" data-step="invite">
      <h2>Invite your team</h2>
      <p class="ask">Who works on this with you?</p>
<!--#include virtual="partials/invite-step.html" -->
      <p><a class="primary" href="#done">Next</a></p>
    </li>

    <li class="card" id="done" data-step="done">
      <h2>Done</h2>
      <p class="ask">Your project is ready, and your dashboard is Home.</p>
      <p><a class="primary" href="projects.html">Open the project</a>
        <a class="secondary" href="index.html">Go to the dashboard</a></p>
    </li>
  </ol>
</main>
</body>
</html>
HTML
say "wizard.html: $(grep -c 'data-step=' product/wizard.html) steps, $(grep -c 'name="template"' product/wizard.html) templates"

cat > product/wizard.css << 'CSS'
/* One step at a time, without a script: the one that the address names, or else the first. */
.steps { padding: 0; list-style: none; counter-reset: step; }
.steps > li { display: none; counter-increment: step; }
.steps > li:target, .steps:not(:has(:target)) > li:first-child { display: block; }
.steps > li > h2::before { content: counter(step) ". "; color: var(--accent); }
CSS

has product/partials/sidebar.html wizard.html ||
    insert before product/partials/sidebar.html 'index.html">Home' << 'HTML'
<!--#if flag="onboarding_wizard" -->
    <li><a href="{{root}}wizard.html">Get started</a></li>
<!--#endif -->
HTML
has product/partials/empty-view.html wizard.html ||
    insert after product/partials/empty-view.html 'that your team shares' << 'HTML'
<!--#if flag="onboarding_wizard" -->
  <p><a class="primary" href="{{root}}wizard.html">Set up your first project</a></p>
<!--#endif -->
HTML
has product/index.html wizard.html ||
    insert after product/index.html '<h1>Good morning</h1>' << 'HTML'

<!--#if flag="onboarding_wizard" -->
  <section class="card">
    <h2>New here?</h2>
    <p>Four steps, and there is a board with your tasks on it.</p>
    <p><a class="primary" href="wizard.html">Set up your first project</a></p>
  </section>
<!--#endif -->
HTML
say "ways to it: sidebar, empty view, home"

switch_on onboarding_wizard

# The criterion that no command proves is ticked only where it is so.
if awk '
    /data-step="/ { steps++ }
    /class="ask"/ { gsub(/<[^>]*>/, ""); asks++; if (NF > 20) long = 1 }
    END { exit !(steps == 4 && asks == steps && !long) }' product/wizard.html
then
    tick "Each step asks for one thing, in one plain sentence of at most 20 words"
    say "each step asks for one thing"
fi
