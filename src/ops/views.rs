//! What the looking commands say, as data: the very words of `--json` (DESIGN.md, section 6).
//!
//! The JSON Schema of each is published under `docs/reference/schema` and checked by a test. Fields are added,
//! never taken away or given another meaning, without a new version of the schema's file.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, resolve, runs};
use crate::ledger::{Entry, Oid, State, Tally};
use crate::plan::{self, BlockKind, Row};
use crate::project::{Look, Project};
use crate::spec::{Criterion, Kpi, Spec, SpecId};

/// One spec, as `chant list --json` gives it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Item {
    /// The spec's id: its file's stem.
    pub id: String,
    /// The project's name; null at the repository's root.
    pub project: Option<String>,
    /// Its title.
    pub title: String,
    /// `code`, `task`, `driver`, `documentation` or `research`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `ready`, `blocked`, `in_progress`, `stalled`, `in_review`, `completed`, `failed`, `cancelled` or `unknown`.
    pub status: String,
    /// The attempt that counts; null before the first.
    pub attempt: Option<u32>,
    /// Its branch; null where there is none.
    pub branch: Option<String>,
    /// The branch it lands on.
    pub target: Option<String>,
    /// The driver whose member it is.
    pub driver: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// What must have landed before it can start, a driver's dependencies included.
    pub depends_on: Vec<String>,
    /// What keeps it from starting now.
    pub blocked_by: Vec<BlockedBy>,
    /// Its criteria, and how they stand.
    pub criteria: Criteria,
    /// What waits for a person, in words.
    pub attention: Option<String>,
    /// The event that decides the status; null where there is none.
    pub commit: Option<String>,
    /// What reviewers have said, where it waits for them.
    pub review: Option<plan::status::Review>,
}

/// One thing that keeps a spec from starting.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BlockedBy {
    /// The spec that is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What else is waited for: `approval`, `cycle`, `shallow` or `missing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The reason, in words.
    pub reason: String,
}

/// How many criteria there are, and how they stand.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Criteria {
    /// All of them.
    pub total: u32,
    /// Whose command exited 0 on the completed tree.
    pub verified: u32,
    /// Ticked, and without a command.
    pub claimed: u32,
    /// The others.
    pub unmet: u32,
}

/// One spec with all that is known of it, as `chant show --json` gives it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Detail {
    /// The fields of a list's item.
    #[serde(flatten)]
    pub item: Item,
    /// The members of a driver.
    pub members: Vec<Item>,
    /// What happened, oldest first.
    pub events: Vec<EventView>,
    /// The landing commit in the target; null where it has not landed.
    pub landing: Option<String>,
    /// The business figure it is for; null where it names none.
    pub kpi: Option<KpiView>,
    /// Each criterion, and what proves it.
    pub proofs: Vec<CriterionView>,
    /// Whether the attempt that counts has ended and its evidence is not noted in this clone; the verdicts are then what the
    /// event says of all criteria alike.
    pub evidence_missing: bool,
    /// Frozen files whose changes were set aside before proving: paths in the repository.
    pub set_aside: Vec<String>,
    /// Symbolic links of its change that lead out of the repository, in words; none once it has landed.
    pub links_out: Vec<String>,
    /// The runs of its agents that have ended, oldest first.
    pub runs: Vec<runs::RunView>,
    /// What all of them have used together.
    pub used: runs::UsedView,
    /// The markdown behind the frontmatter.
    pub body: String,
}

/// One event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EventView {
    /// The event's commit.
    pub commit: String,
    /// The transition; null for an event without one.
    pub status: Option<String>,
    /// The attempt it belongs to.
    pub attempt: Option<u32>,
    /// When, as the commit's author date says (RFC 3339, UTC).
    pub time: String,
    /// Who, as the commit says.
    pub author: String,
    /// The agent, where a start names one.
    pub agent: Option<String>,
    /// The agent from which a person was handed the work, where a start says so.
    pub from: Option<String>,
    /// Who was handed it, as `Name <mail>`.
    pub person: Option<String>,
    /// `approved` or `rejected`, where it is a reviewer's word.
    pub approval: Option<String>,
    /// The reason, where one is given.
    pub reason: Option<String>,
    /// The tally of criteria, where one is given.
    pub criteria: Option<String>,
    /// The models that worked on it, as `agent:model`.
    pub assisted_by: Vec<String>,
    /// What the attempt cost, as its agents said: `0.0421 USD`.
    pub cost: Option<String>,
    /// How many tokens it took, as its agents said.
    pub tokens: Option<String>,
    /// How long its agents took.
    pub duration: Option<String>,
}

/// A figure that a driver is to move.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KpiView {
    /// What is measured.
    pub metric: Option<String>,
    /// In what; its driver's, where the spec itself does not say.
    pub unit: Option<String>,
    /// Where it stood.
    pub baseline: Option<f64>,
    /// Where it is to go.
    pub target: Option<f64>,
    /// What this spec alone is expected to move it by.
    pub impact: Option<f64>,
    /// The sum of its members' expected impacts.
    pub expected: Option<f64>,
    /// How much of that has landed in the driver's target.
    pub landed: Option<f64>,
}

/// One criterion.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CriterionView {
    /// Its words.
    pub text: String,
    /// Its command; null where it has none.
    pub command: Option<String>,
    /// `verified`, `claimed`, `unmet`, or null where nothing has been proven yet.
    pub verdict: Option<String>,
    /// `red → green` where the command was not green before the work, `held` where it was, which is the weaker; null where
    /// that is not known.
    pub way: Option<String>,
}

/// The list's item of a row.
pub fn item(row: &Row) -> Item {
    Item {
        id: row.id.to_string(),
        project: row.project.as_ref().map(ToString::to_string),
        title: row.title.clone(),
        kind: row.kind.as_str().to_owned(),
        status: row.status.as_str().to_owned(),
        attempt: row.attempt,
        branch: row.branch.clone(),
        target: row.target.clone(),
        driver: row.driver.as_ref().map(ToString::to_string),
        labels: row.labels.clone(),
        depends_on: row.depends_on.iter().map(ToString::to_string).collect(),
        blocked_by: row.blocked_by.iter().map(blocked_by).collect(),
        criteria: Criteria {
            total: row.criteria.total,
            verified: row.criteria.verified,
            claimed: row.criteria.claimed,
            unmet: row.criteria.unmet,
        },
        attention: row.attention.clone(),
        commit: row.commit.map(|commit| commit.to_string()),
        review: row.review.clone(),
    }
}

fn blocked_by(blocker: &plan::Blocker) -> BlockedBy {
    let kind = match &blocker.what {
        BlockKind::Spec(_) => None,
        BlockKind::Approval => Some("approval"),
        BlockKind::Cycle => Some("cycle"),
        BlockKind::Shallow => Some("shallow"),
        BlockKind::Missing(_) => Some("missing"),
    };
    let id = match &blocker.what {
        BlockKind::Spec(id) => Some(id.to_string()),
        _ => None,
    };
    BlockedBy { id, kind: kind.map(str::to_owned), reason: blocker.reason.clone() }
}

/// Which specs a list is to hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One of these statuses.
    pub status: Vec<String>,
    /// One of these types.
    pub kind: Vec<String>,
    /// All of these labels.
    pub label: Vec<String>,
    /// Whether somebody is waited for: `Name <mail>`.
    pub needs: Option<String>,
}

/// The list, filtered.
pub fn list<'a>(look: &'a Look, filter: &Filter) -> Vec<&'a Row> {
    let fits = |row: &&Row| {
        (filter.status.is_empty() || filter.status.iter().any(|status| status == row.status.as_str()))
            && (filter.kind.is_empty() || filter.kind.iter().any(|kind| kind == row.kind.as_str()))
            && filter.label.iter().all(|label| row.labels.contains(label))
            && filter.needs.as_ref().is_none_or(|who| needs(look, row, &plan::mail(who)))
    };
    look.board.rows.iter().filter(fits).collect()
}

/// Whether a spec waits for the word, or the work, of somebody.
fn needs(look: &Look, row: &Row, mail: &str) -> bool {
    let may = |review: &plan::status::Review| {
        let did = look.live.workers.get(&row.id).is_some_and(|workers| workers.contains(mail));
        let spoken = review.approved.iter().any(|by| plan::mail(by) == mail);
        look.policy.admits(mail) && !did && !spoken
    };
    let works = || {
        let record = look.ledger.specs.iter().find(|(name, _)| name.id == row.id && name.project == row.project);
        let last = record.and_then(|(_, record)| record.last_start.as_ref());
        last.is_some_and(|start| start.block.agent.as_deref() == Some("person") && plan::mail(&start.author) == mail)
    };
    row.review.as_ref().is_some_and(may) || (row.status == plan::Status::InProgress && works())
}

/// One spec with all that is known of it.
///
/// # Errors
/// Where the query names no spec, or several.
pub fn show(project: &Project, look: &Look, query: &str) -> Result<Detail, Error> {
    let id = resolve(look, query)?;
    let row = look.board.row(id).ok_or_else(|| Error::usage(format!("{id} cannot be read"), "see `chant lint`"))?;
    let record = look.ledger.record(&project.qualify(id));
    let spec = look.set.get(id);
    Ok(Detail {
        item: item(row),
        members: row.members.iter().filter_map(|member| look.board.row(member)).map(item).collect(),
        events: record.iter().flat_map(|record| &record.entries).map(event).collect(),
        landing: record.and_then(|record| record.landing.as_ref()).map(|landed| landed.commit.to_string()),
        kpi: kpi(look, id, row.kpi.as_ref()),
        proofs: proofs(project, look, id),
        evidence_missing: evidence_missing(project, look, id),
        set_aside: noted(project, look, id).set_aside,
        links_out: match record.is_some_and(|record| record.landing.is_some()) {
            // What has landed is Git's to show, and may be more than this clone has.
            true => Vec::new(),
            false => links_out(project, look, id)?,
        },
        runs: record.map(|record| runs::of(project, record)).unwrap_or_default(),
        used: runs::used(record),
        body: spec.map(|spec| spec.render()[spec.body.clone()].to_owned()).unwrap_or_default(),
    })
}

fn links_out(project: &Project, look: &Look, id: &SpecId) -> Result<Vec<String>, Error> {
    let Some(super::diff::Span { from, to }) = super::diff::span(project, look, id)? else { return Ok(Vec::new()) };
    Ok(crate::run::outward(&project.repo, from, to)?.iter().map(crate::run::Outward::words).collect())
}

fn event(entry: &Entry) -> EventView {
    EventView {
        commit: entry.commit.to_string(),
        status: entry.block.status.map(|status| status.as_str().to_owned()),
        attempt: entry.block.attempt,
        time: time(entry.time),
        author: entry.author.clone(),
        agent: entry.block.agent.clone(),
        from: entry.block.from.clone(),
        person: entry.block.person.clone(),
        approval: entry.block.approval.map(|word| word.as_str().to_owned()),
        reason: entry.block.reason.clone(),
        criteria: entry.block.criteria.map(|tally| tally.to_string()),
        assisted_by: entry.block.assisted_by.clone(),
        cost: entry.block.cost.clone(),
        tokens: entry.block.tokens.clone(),
        duration: entry.block.duration.clone(),
    }
}

/// Seconds since 1970 as RFC 3339 in UTC.
pub fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn kpi(look: &Look, id: &SpecId, own: Option<&Kpi>) -> Option<KpiView> {
    let sums = plan::kpi(&look.set, &look.board, id);
    if own.is_none() && sums.is_none() {
        return None;
    }
    Some(KpiView {
        metric: own.and_then(|kpi| kpi.metric.clone()),
        unit: unit(look, id),
        baseline: own.and_then(|kpi| kpi.baseline),
        target: own.and_then(|kpi| kpi.target),
        impact: own.and_then(|kpi| kpi.impact),
        expected: sums.as_ref().map(|sums| sums.expected),
        landed: sums.as_ref().map(|sums| sums.landed),
    })
}

/// The unit of a spec's figure, or of the driver's whose figure it is to move.
fn unit(look: &Look, id: &SpecId) -> Option<String> {
    let unit = |id: &SpecId| look.set.get(id)?.kpi.as_ref()?.unit.clone();
    unit(id).or_else(|| look.set.drivers_of(id).find_map(unit))
}

/// Each criterion with its verdict from the evidence noted on the event that decides.
pub fn proofs(project: &Project, look: &Look, id: &SpecId) -> Vec<CriterionView> {
    let evidence = noted(project, look, id).line.map(|line| line.criteria);
    let Some(spec) = look.set.get(id) else { return Vec::new() };
    let told = evidence.is_none().then(|| ended(project, look, id)).flatten();
    let evidence = evidence.unwrap_or_default();
    spec.criteria
        .iter()
        .map(|criterion| {
            let proof = evidence.iter().find(|proof| proof.criterion == criterion.text);
            CriterionView {
                text: criterion.text.clone(),
                command: criterion.command.clone(),
                verdict: proof
                    .map(|proof| proof.verdict)
                    .or_else(|| by_tally(spec, criterion, told?))
                    .map(verdict_word)
                    .map(str::to_owned),
                way: proof.and_then(crate::run::Proof::way).map(str::to_owned),
            }
        })
        .collect()
}

/// What the event that ended the attempt which counts says of its criteria.
fn ended(project: &Project, look: &Look, id: &SpecId) -> Option<Tally> {
    let record = look.ledger.record(&project.qualify(id))?;
    let decided = record.decided_by.filter(|_| matches!(record.state, State::Completed | State::Failed { .. }))?;
    record.entries.iter().find(|entry| entry.commit == decided)?.block.criteria
}

/// What a tally says of one criterion: something only where it says the same of all that are like it.
fn by_tally(spec: &Spec, criterion: &Criterion, tally: Tally) -> Option<crate::run::Verdict> {
    use crate::run::Verdict;
    let alike = |proven: bool| spec.criteria.iter().filter(|criterion| criterion.command.is_some() == proven).count();
    let (proven, ticked) = (alike(true), alike(false));
    let [verified, claimed, unmet] = [tally.verified, tally.claimed, tally.unmet].map(|n| usize::try_from(n).ok());
    let (verified, claimed) = (verified?, claimed?);
    // The spec may have been given others since.
    if proven + ticked != verified + claimed + unmet? {
        return None;
    }
    match criterion.command {
        Some(_) if verified == proven => Some(Verdict::Verified),
        Some(_) if verified == 0 => Some(Verdict::Unmet),
        None if claimed == ticked => Some(Verdict::Claimed),
        None if claimed == 0 => Some(Verdict::Unmet),
        _ => None,
    }
}

/// Whether an attempt has ended of whose evidence this clone has nothing.
pub fn evidence_missing(project: &Project, look: &Look, id: &SpecId) -> bool {
    ended(project, look, id).is_some() && noted(project, look, id).line.is_none()
}

/// How notes come from another clone.
pub const NOTES_ELSEWHERE: &str =
    "from another clone notes come with `chant sync`, or with `git fetch <remote> refs/notes/chant:refs/notes/chant`";

/// What is noted of the attempt that counts, where it has ended.
pub fn noted(project: &Project, look: &Look, id: &SpecId) -> crate::run::Noted {
    let record = look.ledger.record(&project.qualify(id));
    let decided = record.filter(|record| matches!(record.state, State::Completed | State::Failed { .. }));
    let note = decided.and_then(|record| project.repo.note(record.decided_by?).ok().flatten());
    crate::run::noted_evidence(&note.unwrap_or_default())
}

/// The word for a verdict.
pub fn verdict_word(verdict: crate::run::Verdict) -> &'static str {
    match verdict {
        crate::run::Verdict::Verified => "verified",
        crate::run::Verdict::Claimed => "claimed",
        crate::run::Verdict::Unmet => "unmet",
    }
}

/// What was proven when an event was made, from the newest line of its note that has criteria.
pub fn evidence(project: &Project, commit: Oid) -> Vec<crate::run::Proof> {
    let text = project.repo.note(commit).ok().flatten().unwrap_or_default();
    crate::run::read_evidence(&text)
}
