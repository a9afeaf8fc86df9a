#!/bin/sh
# Gives a spec to the one of the crew who knows how to do it. chant starts this in the project's directory of the spec's
# own worktree, with CHANT_SPEC (which spec) and CHANT_SPEC_FILE (its file there) in the environment and the prompt on
# standard input. A model would read the prompt; these programs know their trade and need only the spec's file.
set -eu

cd "$(dirname "$0")/.."
spec=${CHANT_SPEC:?chant sets this to the spec to work on}

case ${spec##*/} in
    001-research-churn-drivers) exec sh agents/analyst.sh ;;
    002-driver-churn-fixes.1)   exec sh agents/build-wizard.sh ;;
    002-driver-churn-fixes.2)   exec sh agents/build-slack.sh ;;
    002-driver-churn-fixes.3)   exec sh agents/build-invites.sh ;;
esac

printf 'crew: nobody here knows how to do %s. Ask a model or a person: chant work %s --agent claude\n' \
    "$spec" "${spec##*/}" >&2
exit 1
