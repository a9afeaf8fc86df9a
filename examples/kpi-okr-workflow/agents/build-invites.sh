#!/bin/sh
# Puts invitations where one looks for them (002-driver-churn-fixes.3): a page, sidebar, wizard's step, empty view.
set -eu

cd "$(dirname "$0")/.."
. agents/lib.sh

expect team-invite "Team invite" "share of new accounts with a second active person after 14 days"

cat > product/partials/invite-form.html << 'HTML'
<form class="invite" method="post" action="#invited">
  <label>Addresses, one a line <textarea name="emails" rows="3" placeholder="ada@example.com"></textarea></label>
  <label>They may <select name="role">
    <option value="member">see and change</option>
    <option value="guest">only see</option>
  </select></label>
  <label>In <select name="project">
    <option value="all">all of my projects</option>
    <option value="first">my first project</option>
  </select></label>
  <p><button type="submit">Send the invitations</button></p>
</form>
HTML

cat > product/invite.html << 'HTML'
<!doctype html>
<html lang="en">
<head>
  <title>Invite your team · Plank</title>
<!--#include virtual="partials/head.html" -->
</head>
<body>
<!--#include virtual="partials/sidebar.html" -->
<main>
  <h1>Invite your team</h1>
  <p>They get a mail with a link, and see what you share with them at once.</p>
  <section class="card">
<!--#include virtual="partials/invite-form.html" -->
  </section>
</main>
</body>
</html>
HTML
say "invite.html: $(grep -c ' name="' product/partials/invite-form.html) fields"

# The wizard includes this part, whether it is there already or comes later.
cat > product/partials/invite-step.html << 'HTML'
<!--#include virtual="partials/invite-form.html" -->
<p><a class="secondary" href="#done">Skip, I am alone for now</a></p>
HTML
say "wizard's invite step: a form instead of support's address"

has product/partials/sidebar.html invite.html ||
    insert after product/partials/sidebar.html 'team.html">People' << 'HTML'
<!--#if flag="team_invites" -->
    <li><a href="{{root}}invite.html">Invite your team</a></li>
<!--#endif -->
HTML
has product/partials/empty-view.html invite.html ||
    insert before product/partials/empty-view.html 'Nothing here is shared' << 'HTML'
<!--#if flag="team_invites" -->
  <p><a class="secondary" href="{{root}}invite.html">Invite your team</a></p>
<!--#endif -->
HTML
has product/team.html invite.html ||
    replace product/team.html 'To add people write to' << 'HTML'
  <p><a class="primary" href="invite.html">Invite your team</a></p>
HTML
say "ways to it: sidebar, empty view, people"

switch_on team_invites

# The criterion that no command proves is ticked only where it is so.
fields=$(sed -n 's/.* name="\([a-z]*\)".*/\1/p' product/partials/invite-form.html | sort | tr '\n' ' ')
if [ "$fields" = "emails project role " ]; then
    tick "The form asks for nothing but addresses, a role and a project"
    say "the form asks for three things: $fields"
fi
