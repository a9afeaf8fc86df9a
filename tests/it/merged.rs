//! Was it merged? What people and forges do with a completed branch, each in a sentence, and what chant says of it.
//!
//! A row is a history, made by Git itself in a copy of one repository, and the statuses that are then right. Most rows
//! ask twice: where the history was made, and in a fresh clone of it, whose branches are remote-tracking ones.

mod judge;

use std::sync::atomic::{AtomicUsize, Ordering};

use judge::{Row, judge, row, template};

/// `$g` is the branch of `001-greet`; what else the scripts share stands beside the template.
const ROWS: &[Row] = &[
    // Nothing was merged.
    row("a completed branch waits", "other", "001 in_review | 004 ready"),
    row("a fresh branch cut from the target is no merge", "git branch chant/004-plain; other", "004 ready"),
    row("a fresh branch with a start alone is no merge", "onto -b chant/004-plain; start 004-plain 1 r; onto main", "004 in_progress"),
    row(
        "a fresh branch whose start was fast-forwarded into the target is no merge",
        "start 004-plain 1 r; git branch chant/004-plain; other",
        "004 in_progress",
    ),
    row(
        "an empty branch is not in a target with empty commits of its own",
        "onto -b chant/004-plain; start 004-plain 1 r; complete 004-plain 1; onto main; git commit -q --allow-empty -m nothing; other",
        "004 in_review",
    ),
    row(
        "an empty branch that was merged is there",
        "onto -b chant/004-plain; start 004-plain 1 r; complete 004-plain 1; onto main; other; merge chant/004-plain",
        "004 completed: -",
    ),
    row(
        "an empty branch that was squashed leaves nothing that could be told",
        "onto -b chant/004-plain; start 004-plain 1 r; complete 004-plain 1; onto main; squash chant/004-plain; other",
        "004 in_review",
    ),
    row("the target was merged into the branch, and not the other way", "other; onto $g; merge main; onto main", "001 in_review"),
    row("the work without its completion was merged", "other; merge $g~1", "001 in_review"),
    row("a part of the work was merged", "other; merge $g~2", "001 in_review"),
    row("a branch that conflicts waits", "edit lines 3 drei; add three; true", "001 in_review: conflicts"),
    // Ancestry.
    row("a merge by a forge's button", "other; git merge -q --no-ff -m 'Merge pull request #7 from ada/greet' -m Greet $g", "001 completed: -"),
    row("a merge, and the branch deleted", "other; merge $g; git branch -qD $g", "001 completed: -"),
    row("a merge of the branch's remote-tracking twin", "git update-ref refs/remotes/o/$g $g; git branch -qD $g; merge o/$g", "001 completed: -"),
    row("a fast-forward", "git merge -q --ff-only $g", "001 completed: -"),
    row("an octopus", "onto -b side; echo s > s; add side; onto main; other; merge $g side", "001 completed: -"),
    row(
        "an octopus of both members on their driver's branch",
        "onto chant/002-pair; merge chant/002-pair.1 chant/002-pair.2; onto main",
        "002.1 completed | 002.2 completed | 002 in_progress",
    ),
    row("a foxtrot: the target merged into the branch, then fast-forwarded to it", "other; onto $g; merge main; onto main; git merge -q --ff-only $g", "001 completed: -"),
    row(
        "a pull of a foxtrot: the target's own first parent is somebody's work",
        "onto -b mine; echo m > m; add mine; onto main; merge $g; onto mine; merge main; onto main; git merge -q --ff-only mine",
        "001 completed: -",
    ),
    row("a merge by way of an integration branch", "onto -b develop; merge $g; onto main; other; merge develop", "001 completed: -"),
    row(
        "a merge whose conflict was resolved by hand",
        "edit lines 3 drei; add drei; git merge -q $g || true; git checkout -q --theirs lines; edit lines 3 'drei, three'; add 'Merge by hand'",
        "001 completed: -",
    ),
    row(
        "a merge whose conflict was decided for the target: a person's word",
        "edit lines 3 drei; add drei; git merge -q $g || true; git checkout -q --ours lines; add 'Merge by hand'",
        "001 completed: -",
    ),
    row("an evil merge, which brings more than its parents", "other; git merge -q --no-commit --no-ff $g; echo evil > evil; add 'Merge'", "001 completed: -"),
    row("a merge with the strategy `ours` has the commits and drops what they did", "other; git merge -q -s ours -m Merge $g", "001 completed: brought nothing"),
    row(
        "a merge that brings nothing, because the target had it all, drops nothing",
        "git merge -q --squash $g; add by-hand; merge $g",
        "001 completed: -",
    ),
    row("a merge, and the same lines edited afterwards", "merge $g; edit lines 3 drei; git rm -q greet; add 'otherwise'", "001 completed: -"),
    row("a merge, and its files moved into a directory afterwards", "merge $g; mkdir in; git mv lines greet in; add moved", "001 completed: -"),
    row("a merge of two specs at once by their common descendant", "onto -b both $g; merge chant/002-pair.1; onto main; merge both", "001 completed: -"),
    row("a merge, and the branch revived with new commits", "merge $g; onto $g; echo more > more; add more; onto main", "001 completed"),
    row("a merge, and the branch revived and completed once more", "merge $g; onto $g; echo more > more; add more; complete 001-greet 1; onto main", "001 in_review"),
    row("a merge, and the next attempt begun", "merge $g; onto $g; start 001-greet 2 r; onto main", "001 in_progress"),
    row("the completion's message was amended, and then merged", "onto $g; git commit -q --amend --allow-empty --no-edit --trailer 'Reviewed-by: Bo <bo@example.org>'; onto main; merge $g", "001 completed: -"),
    row(
        "a completion amended with files is none, and neither is its merge",
        "onto $g; echo more > more; git add more; git commit -q --amend --no-edit; onto main; merge $g",
        "001 stalled: changes files",
    ).cloned("001 in_progress"),
    row("a merge that favours its own side", "edit lines 3 drei; add drei; git merge -q -X theirs -m Merge $g", "001 completed: -"),
    row("a failed attempt that was merged has still failed", "onto -b chant/004-plain; start 004-plain 1 r; echo x > x; add x; printf 'no\n\nChant-Spec: 004-plain\nChant-Status: failed\nChant-Attempt: 1\n' | git commit -q --allow-empty -F -; onto main; merge chant/004-plain", "004 failed"),
    row("a merge, looked at from a detached HEAD", "other; merge $g; onto --detach", "001 completed: -"),
    row("a merge, looked at from where it is not", "merge $g; onto --detach HEAD~1", "001 completed: -"),
    // Landings that name it, and those that only seem to.
    row("a squash with a landing's line", "other; squash $g; add Greet -m \"$(line 001-greet $g)\"", "001 completed: -"),
    row("a squash with a landing's line, edited while squashing", "other; squash $g; echo edited > greet; add Greet -m \"$(line 001-greet $g)\"", "001 completed: -"),
    row("a squash with a landing's line, the branch deleted", "other; squash $g; add Greet -m \"$(line 001-greet $g)\"; git branch -qD $g", "001 completed: -"),
    row(
        "a squash with a landing's line in a message with CRLF",
        "other; squash $g; echo edited > greet; git add -A; printf 'Greet\\r\\n\\r\\nmore\\r\\n\\r\\n%s\\r\\n' \"$(line 001-greet $g)\" | git commit -q --cleanup=verbatim -F -",
        "001 completed: -",
    ),
    row(
        "an edited squash whose landing's line stands above a forge's divider",
        "other; squash $g; echo edited > greet; add Greet -m \"$(line 001-greet $g)\" -m --------- -m 'Co-authored-by: Bo <bo@example.org>'",
        "001 in_review",
    ),
    row("a landing's line on a commit that changes nothing", "other; git commit -q --allow-empty -m Greet -m \"$(line 001-greet $g)\"", "001 in_review: brings nothing"),
    row("a landing's line that names another attempt", "other; squash $g; echo edited > greet; add Greet -m \"$(line 001-greet $g 2)\"", "001 in_review: does not count"),
    row("a landing's line that names the start", "other; squash $g; echo edited > greet; add Greet -m \"$(line 001-greet $g~4)\"", "001 in_review: does not count"),
    row("a landing's line that cannot be read", "other; squash $g; echo edited > greet; add Greet -m 'Chant-Landing: 001-greet one two'", "001 in_review"),
    row("a landing's line on another branch", "onto -b side; squash $g; echo edited > greet; add Greet -m \"$(line 001-greet $g)\"; onto main", "001 in_review"),
    row(
        "a landing's line for another completion than the one that is here",
        "other; echo unrelated > unrelated; add Greet -m 'Chant-Landing: 001-greet 1 1234567890123456789012345678901234567890'",
        "001 completed: neither comes after",
    ),
    row(
        "a squash of what was then amended and went on",
        "other; squash $g; add Greet -m \"$(line 001-greet $g)\"; onto $g; echo more > more; add more; complete 001-greet 1; onto main",
        "001 in_review",
    ),
    // The patch of the whole branch.
    row("a squash of many commits", "other; squash $g; add 'Greet (#7)'", "001 completed: -"),
    row("a squash of many commits, edited afterwards", "other; squash $g; add Greet; edit lines 3 drei; echo bye > greet; add edited", "001 completed: -"),
    row("a squash, and its files deleted afterwards", "other; squash $g; add Greet; git rm -q greet lines; add gone", "001 completed: -"),
    row("a squash whose message is all messages of the branch", "other; squash $g; git log --reverse --format='* %B' main..$g | git commit -q -F -", "001 completed: -"),
    row(
        "a squash whose message is all messages, and co-authors below a divider",
        "other; squash $g; (git log --reverse --format='* %B' main..$g; printf -- '---------\\n\\nCo-authored-by: Bo <bo@example.org>\\n') | git commit -q -F -",
        "001 completed: -",
    ),
    row("a squash with the title and a reference, as GitLab words it", "other; squash $g; add Greet -m 'See merge request ada/greet!7'", "001 completed: -"),
    row("a squash of a branch into which the target was merged before", "other; onto $g; merge main; onto main; other more; squash $g; add Greet", "001 completed: -"),
    row(
        "a squash of a branch into which the target was merged with a conflict: what was proven is not what came",
        "edit lines 3 drei; add drei; onto $g; git merge -q main > /dev/null || { edit lines 3 'drei, three'; add merged; }; onto main; squash $g; add Greet",
        "001 in_review",
    ),
    row("a squash of a new mode", "onto -b chant/004-plain; start 004-plain 1 r; chmod +x others; add mode; complete 004-plain 1; onto main; other; squash chant/004-plain; add mode", "004 completed: -"),
    row("a squash of a rename", "onto -b chant/004-plain; start 004-plain 1 r; git mv others same; add mv; complete 004-plain 1; onto main; edit lines 3 drei; add drei; squash chant/004-plain; add mv", "004 completed: -"),
    row("a squash of two specs at once, without a word", "onto -b both $g; merge chant/002-pair.1; onto main; squash both; add Both", "001 in_review | 002.1 in_review"),
    row("a squash that the target's upstream alone has", "git clone -q --bare . ../forge; git remote add origin ../forge; git fetch -q origin; git branch -q -u origin/main; onto -b x; squash $g; add Greet; git push -q origin x:main; onto main; git branch -qD x", "001 completed").cloned("001 in_review"),
    row("a squash in a message with CRLF", "other; squash $g; git log --format=%B main..$g | sed 's/$/\\r/' | git commit -q --cleanup=verbatim -F -", "001 completed: -"),
    row("a squash, and the branch deleted: the work never happened", "other; squash $g; add Greet; git branch -qD $g", "001 ready"),
    row("a squash on a target that had a part of it by somebody else", "echo hello > greet; add 'hello, too'; squash $g; add Greet", "001 completed: -"),
    row("a target that had all of it by somebody else", "git merge -q --squash $g; add 'the same, by chance'; other", "001 completed: -"),
    row("a squash beside changes of the same file", "edit lines 20 zwanzig; add twenty; squash $g; add Greet", "001 completed: -"),
    row("a squash, edited while squashing", "other; squash $g; echo edited > greet; add Greet", "001 in_review"),
    row("a squash, edited while squashing, its trailers eaten and the branch's messages kept", "other; squash $g; echo edited > greet; git add -A; git log --reverse --format='* %B' main..$g | git commit -q -F -", "001 in_review: changes files"),
    row("a squash that differs in white space", "other; squash $g; echo 'hello ' > greet; add Greet", "001 in_review"),
    row("a squash and edits of one's own in other files", "other; squash $g; echo own > own; add Greet", "001 in_review"),
    row("a squash of a part", "other; squash $g; git rm -qf greet; add Greet", "001 in_review"),
    row("a squash in two steps", "other; squash $g~2; add half; squash $g || git checkout -q $g -- .; add rest", "001 completed: -"),
    row("a squash whose conflict was resolved by hand", "edit lines 3 drei; add drei; squash $g || true; git checkout -q --theirs lines; edit lines 3 'drei, three'; add Greet", "001 in_review"),
    row("a squash into a directory to which the files had moved", "mkdir in; git mv lines in; add moved; squash $g; add Greet", "001 in_review"),
    row("two members squashed into one commit, without a word", "onto chant/002-pair; squash chant/002-pair.1; git commit -qm one; squash chant/002-pair.2; git commit -q --amend -m both; onto main", "002.1 in_review | 002.2 in_review"),
    row(
        "two members squashed into one commit that names both",
        "onto chant/002-pair; git checkout -q chant/002-pair.1 -- a; git checkout -q chant/002-pair.2 -- b; add both -m \"$(line 002-pair.1 chant/002-pair.1; line 002-pair.2 chant/002-pair.2)\"; onto main",
        "002.1 completed | 002.2 completed",
    ),
    row("a driver squashed with all its members, without a word", "other; squash chant/003-whole; add Whole", "003 completed: - | 003.1 completed: - | 003.2 completed: -"),
    row("a driver squashed with its line alone", "other; squash chant/003-whole; echo c2 > c; add Whole -m \"$(line 003-whole chant/003-whole)\"", "003 completed: - | 003.1 completed | 003.2 completed"),
    row(
        "a driver squashed with the lines of all, its branch deleted",
        "other; squash chant/003-whole; add Whole -m \"$(line 003-whole chant/003-whole; git log --format=%B main..chant/003-whole | grep ^Chant-Landing)\"; git branch -qD chant/003-whole",
        "003 completed | 003.1 completed | 003.2 completed",
    ),
    row("a driver squashed with all messages", "other; squash chant/003-whole; git log --reverse --format='* %B' main..chant/003-whole | git commit -q -F -", "003 completed: - | 003.1 completed: - | 003.2 completed: -"),
    row("a driver edited while squashing", "other; squash chant/003-whole; echo c2 > c; add Whole", "003 in_review | 003.1 completed | 003.2 completed"),
    // Rebases and picks.
    row("a rebase-merge that keeps the events", "other; onto --detach $g; git rebase -q main; git branch done; onto main; git merge -q --ff-only done", "001 completed: -"),
    row("a rebase-merge that drops the events", "other; onto --detach $g; git rebase -q --no-keep-empty main; git branch done; onto main; git merge -q --ff-only done", "001 completed: -"),
    row("a rebase-merge that drops the events, and later edits", "other; git cherry-pick $g~3 $g~2 $g~1 > /dev/null; edit lines 3 drei; add edited", "001 completed: -"),
    row("a series of mails", "other; git format-patch -q --stdout main..$g | git am -q --empty=drop", "001 completed: -"),
    row("a rebase-merge with a conflict, which keeps the events", "edit lines 3 drei; add drei; onto --detach $g; git rebase -q main > /dev/null 2>&1 || { edit lines 3 'drei, three'; git add -A; GIT_EDITOR=true git rebase --continue > /dev/null 2>&1; }; git branch done; onto main; git merge -q --ff-only done", "001 completed: -"),
    row("a rebase-merge with a conflict, which drops the events", "edit lines 3 drei; add drei; git cherry-pick $g~3 > /dev/null 2>&1 || { edit lines 3 'drei, three'; add 'count in words'; }; git cherry-pick $g~2 $g~1 > /dev/null", "001 in_review"),
    row("a rebase that skipped a commit and keeps the events", "other; git cherry-pick --allow-empty $g~4 $g~3 $g~1 $g > /dev/null", "001 in_review: fewer commits"),
    row("picks of all commits, events and all", "other; git cherry-pick -x --allow-empty main..$g > /dev/null", "001 completed: -"),
    row("picks of all commits, others between them", "git cherry-pick $g~3 $g~2 > /dev/null; other; git cherry-pick $g~1 > /dev/null", "001 completed: -"),
    row("picks of some commits", "other; git cherry-pick $g~3 $g~1 > /dev/null", "001 in_review"),
    row("the pick of the last commit", "other; git cherry-pick $g~1 > /dev/null", "001 in_review"),
    row("picks of the events without the work", "other; git cherry-pick --allow-empty $g~4 $g > /dev/null", "001 in_review: fewer commits"),
    row("the pick of the completion alone", "other; git cherry-pick --allow-empty $g > /dev/null", "001 in_review: does not count"),
    row("a merge, and all commits picked as well", "other; git cherry-pick --allow-empty main..$g > /dev/null; merge $g", "001 completed: -"),
    // Reverts.
    row("a merge reverted", "other; merge $g; revert -m 1 HEAD", "001 ready: reverted"),
    row("a merge reverted, and the branch deleted", "other; merge $g; git branch -qD $g; revert -m 1 HEAD", "001 ready: reverted"),
    row("a merge reverted after edits around it", "merge $g; other; edit lines 20 zwanzig; add twenty; revert -m 1 HEAD~2", "001 ready: reverted"),
    row("a merge reverted by a name cut short", "merge $g; git revert -n -m 1 HEAD; add \"Revert greet\" -m \"This reverts commit $(git rev-parse --short HEAD).\"", "001 ready: reverted"),
    row("a revert reverted", "other; merge $g; revert -m 1 HEAD; revert HEAD", "001 completed: -"),
    row("a revert reverted, and that reverted", "other; merge $g; revert -m 1 HEAD; revert HEAD; revert HEAD", "001 ready: reverted"),
    row("a revert that only claims to be one", "merge $g; echo x > x; add Revert -m \"This reverts commit $(id HEAD).\"", "001 completed: -"),
    row("an empty revert", "merge $g; git commit -q --allow-empty -m Revert -m \"This reverts commit $(id HEAD).\"", "001 completed: -"),
    row("a partial revert", "merge $g; git rm -q greet; add Revert -m \"This reverts commit $(id HEAD).\"", "001 completed: part"),
    row("a partial revert that names the completion after a fast-forward", "git merge -q --ff-only $g; git rm -q greet; add Revert -m \"This reverts commit $(id HEAD).\"", "001 completed: part"),
    row("a revert of all that names the completion after a fast-forward", "git merge -q --ff-only $g; git revert -n HEAD~1 HEAD~2 HEAD~3; add Revert -m \"This reverts commit $(id HEAD).\"", "001 ready: reverted"),
    row("a revert that names the completion after a fast-forward and takes nothing back", "git merge -q --ff-only $g; echo x > x; add Revert -m \"This reverts commit $(id HEAD).\"", "001 completed: -"),
    row("a revert that does more in other files", "merge $g; git revert -n -m 1 HEAD; echo x > x; add Revert -m \"This reverts commit $(id HEAD).\"", "001 ready: reverted"),
    row("a revert that does more in the same file", "merge $g; git revert -n -m 1 HEAD; edit lines 20 mine; add Revert -m \"This reverts commit $(id HEAD).\"", "001 completed: part"),
    row("a revert by the wrong parent", "other; merge $g; onto -b x; revert -m 2 HEAD; onto main; git merge -q --ff-only x", "001 completed"),
    row("a foxtrot reverted by its second parent, which was the target's", "other; onto $g; merge main; onto main; git merge -q --ff-only $g; revert -m 2 HEAD", "001 ready: reverted"),
    row("a revert on another branch", "merge $g; onto -b side; revert -m 1 HEAD; onto main", "001 completed: -"),
    row("a revert by a request that was merged", "merge $g; onto -b side; revert -m 1 HEAD; onto main; other; merge side", "001 ready: reverted"),
    row("a revert by a request that was squashed, its message kept", "merge $g; onto -b side; revert -m 1 HEAD; onto main; other; squash side; git log -1 --format=%B side | git commit -q -F -", "001 ready: reverted"),
    row("a revert that names no commit cannot be told from an edit", "merge $g; onto -b side; revert -m 1 HEAD; onto main; squash side; add 'Revert \"Greet\" (#8)' -m 'Reverts ada/greet#7'", "001 completed"),
    row("a squash reverted", "other; squash $g; add Greet; revert HEAD", "001 ready: reverted"),
    row("a squash with a landing's line reverted", "other; squash $g; add Greet -m \"$(line 001-greet $g)\"; revert HEAD", "001 ready: reverted"),
    row("a squash reverted, and the revert reverted", "other; squash $g; add Greet; revert HEAD; revert HEAD", "001 completed: -"),
    row("a squash reverted, and squashed again", "other; squash $g; add Greet; revert HEAD; squash $g; add Again", "001 completed: -"),
    row("a squash reverted in part", "other; squash $g; add Greet; git rm -q greet; add Revert -m \"This reverts commit $(id HEAD).\"", "001 completed: part"),
    row("a revert that repeats the landing's line", "squash $g; add Greet -m \"$(line 001-greet $g)\"; git revert -n HEAD; add Revert -m \"This reverts commit $(id HEAD).\" -m \"$(line 001-greet $g)\"", "001 ready: reverted"),
    row("a revert of a merge that repeats its landing's line", "git merge -q --no-ff -m Land -m \"$(line 001-greet $g)\" $g; git revert -n -m 1 HEAD; add Revert -m \"This reverts commit $(id HEAD).\" -m \"$(line 001-greet $g)\"", "001 ready: reverted"),
    row("a partial revert that repeats the landing's line", "squash $g; add Greet -m \"$(line 001-greet $g)\"; git rm -q greet; add Revert -m \"This reverts commit $(id HEAD).\" -m \"$(line 001-greet $g)\"", "001 completed: part"),
    row("each commit of the work reverted", "git merge -q --ff-only $g; revert HEAD~1 HEAD~2 HEAD~3", "001 ready: reverted"),
    row("one commit of the work reverted", "git merge -q --ff-only $g; revert HEAD~1", "001 completed: part"),
    row("all commits of the work reverted in one, which says so of each: a person decides", "git merge -q --ff-only $g; git revert -n HEAD~1 HEAD~2 HEAD~3; add Revert -m \"This reverts commit $(id HEAD~1).\" -m \"This reverts commit $(id HEAD~2).\" -m \"This reverts commit $(id HEAD~3).\"", "001 completed: part"),
    row("a rebase-merge whose commits were each reverted", "other; git cherry-pick $g~3 $g~2 $g~1 > /dev/null; revert HEAD HEAD~1 HEAD~2", "001 ready: reverted"),
    row("a rebase-merge of which one commit was reverted", "other; git cherry-pick $g~3 $g~2 $g~1 > /dev/null; revert HEAD~1", "001 completed: part"),
    row("a driver's landing reverted", "other; merge chant/003-whole; revert -m 1 HEAD", "003 ready: reverted | 003.1 ready | 003.2 ready"),
    row("a driver's landing reverted, its branch deleted", "other; merge chant/003-whole; git branch -qD chant/003-whole; revert -m 1 HEAD", "003 ready: reverted | 003.1 ready | 003.2 ready"),
    row("a squashed driver reverted", "other; squash chant/003-whole; add Whole; revert HEAD", "003 ready: reverted | 003.1 ready | 003.2 ready"),
    row("a driver's revert reverted", "other; merge chant/003-whole; revert -m 1 HEAD; revert HEAD", "003 completed: - | 003.1 completed | 003.2 completed"),
    row("one member of a landed driver reverted", "other; merge chant/003-whole; revert -m 1 $(git log --format=%H --merges --grep='003-whole.1:' | head -1)", "003 completed | 003.1 ready: reverted | 003.2 completed"),
    row("a reverted merge, merged again with its revert reverted on the branch", "other; merge $g; revert -m 1 HEAD; r=$(id HEAD); onto $g; merge main; revert $r; onto main; merge $g", "001 completed"),
    row("the attempt after a revert, which waits", "merge $g; revert -m 1 HEAD; onto $g; git reset -q --hard main; start 001-greet 2 r; echo again > greet; add again; complete 001-greet 2; onto main", "001 in_review"),
    row("the attempt after a revert, merged", "merge $g; revert -m 1 HEAD; onto $g; git reset -q --hard main; start 001-greet 2 r; echo again > greet; add again; complete 001-greet 2; onto main; merge $g", "001 completed: -"),
    row("a squash of a spec whose work is a revert", "other; onto -b chant/004-plain; start 004-plain 1 r; revert main; complete 004-plain 1; onto main; echo x > x; add x; squash chant/004-plain; git log -2 --format=%B chant/004-plain | git commit -q -F -", "004 completed: -"),
    // Other branches, other targets.
    row("a merge into another branch than the target", "onto -b release; merge $g; onto main", "001 in_review: release"),
    row("a merge into another branch, which is checked out", "onto -b release; merge $g", "001 in_review: release").cloned("001 in_review"),
    row("a backport beside the landing", "onto -b release; other back; onto main; merge $g; onto release; git cherry-pick -m 1 main > /dev/null", "001 completed: -"),
    row("a backport alone", "onto -b release; other back; squash $g; add back; onto main", "001 in_review"),
    row("a copy of the branch under another name is no merge", "git branch keep $g", "001 in_review: waits for a review"),
    row("a member merged past its driver", "other; merge chant/002-pair.1", "002.1 in_review: main"),
    row("a member merged into its driver's branch", "onto chant/002-pair; merge chant/002-pair.1; onto main", "002.1 completed: - | 002.2 in_review | 002 in_progress"),
    row("a driver's branch merged before it was complete", "onto chant/002-pair; merge chant/002-pair.1; onto main; merge chant/002-pair; git branch -qD chant/002-pair", "002.1 completed | 002.2 in_review | 002 in_progress"),
    row("a target renamed after the landing", "merge $g; git branch -m main trunk", "001 completed: -"),
    row("a target renamed before the landing", "git branch -m main trunk; other; merge $g", "001 completed: -"),
    row("a target renamed here, and not on its remote", "git clone -q --bare . ../forge; git remote add origin ../forge; git fetch -q origin; git branch -q -u origin/main; git branch -m main trunk; merge $g; onto -b x HEAD~1", "001 completed").cloned("001 in_review"),
    row("a target renamed, and nothing merged", "git branch -m main trunk; other", "001 in_review"),
    row("a target deleted, and what is checked out has it", "merge $g; onto -b next; git branch -qD main", "001 completed: -"),
    row("a target deleted, and what is checked out does not have it", "onto -b next; other; git branch -qD main", "001 in_review"),
    row("a target rewritten after the landing", "merge $g; other; onto --orphan fresh; git rm -qrf .; git checkout -q main~2 -- .; add 'root anew'; git branch root; onto main; git rebase -q --rebase-merges --onto root $(git rev-list --max-parents=0 main) > /dev/null 2>&1", "001 completed"),
    row("a target flattened after the landing", "other; merge $g; other more; git rebase -q HEAD~2~1", "001 completed"),
    row("a target begun anew from its last tree", "merge $g; onto --orphan fresh; add anew; git branch -qM fresh main", "001 in_review"),
    row("a target reset to before the landing", "other; merge $g; git reset -q --hard HEAD~1", "001 in_review"),
    row("a target reset to before the landing, the branch deleted", "other; merge $g; git branch -qD $g; git reset -q --hard HEAD~1", "001 ready"),
    row("a landing that only the target's upstream has", "git clone -q --bare . ../forge; git remote add origin ../forge; git fetch -q origin; git branch -q -u origin/main; onto -b x; merge $g; git push -q origin x:main; onto main; git branch -qD x", "001 completed").cloned("001 in_review"),
    row("a landing that only the checked out branch's twin on a remote has", "git clone -q --bare . ../forge; git remote add origin ../forge; onto -b x; merge $g; git push -q origin x:main; onto main; git branch -qD x", "001 in_review"),
    row("a clone whose target is not checked out", "merge $g; onto -b develop main~1", "001 completed: -"),
    row("a clone whose target is not checked out, with a squash", "other; squash $g; add Greet; onto -b develop main~1", "001 completed: -"),
    row("a clone in which a driver's branch is on the remote alone", "onto chant/002-pair; merge chant/002-pair.1; onto main; merge $g", "002.1 completed | 002.2 in_review | 001 completed"),
    row("a shallow clone", "other; merge $g; git branch -qD $g; git clone -q --depth 1 \"file://$PWD\" ../shallow; rm -rf .git; mv ../shallow/.git .", "001 unknown").here_only(),
    row("a shallow clone that holds the landing's merge", "other; merge $g; other more; git clone -q --depth 3 --no-single-branch \"file://$PWD\" ../shallow; rm -rf .git; mv ../shallow/.git .", "001 completed").here_only(),
    row("a shallow clone of what was squashed", "other; squash $g; add Greet; git clone -q --depth 1 --no-single-branch \"file://$PWD\" ../shallow; rm -rf .git; mv ../shallow/.git .; git branch -q $g origin/$g", "001 unknown").here_only(),
];

#[test]
fn the_ladder_tells_what_was_merged_and_calls_nothing_merged_that_cannot_be_told() {
    let template = template();
    let chosen = std::env::var("CHANT_ROW").unwrap_or_default();
    let next = AtomicUsize::new(0);
    let judge_some = || {
        let mut wrong = Vec::new();
        while let Some((number, row)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, ROWS.get(n)?)))
        {
            if row.says.contains(&chosen) {
                wrong.extend(judge(&template, row, number).iter().map(|text| format!("{}: {text}", row.says)));
            }
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads = [scope.spawn(judge_some), scope.spawn(judge_some)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}
