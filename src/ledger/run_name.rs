//! The names of runs (`Chant-Run`): `<clone, 8 hex digits><16 hex digits>@<host>`. Two clones on one machine tell their
//! runs apart by them; a name without a clone's goes by the machine alone.

/// How many hex digits the name of a clone has.
pub const CLONE: usize = 8;
const RUN: usize = 16;

/// Whether a run of that name was started on the machine `host` and in the clone of that name; `None` where there can be
/// only one clone, and the machine says it all.
pub fn is_own_run(run: &str, host: &str, clone: Option<&str>) -> bool {
    let Some((id, of)) = run.rsplit_once('@') else { return false };
    let named = id.len() == CLONE + RUN && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    !of.is_empty() && of == host && (!named || clone.is_none_or(|clone| id.starts_with(clone)))
}

#[cfg(test)]
mod tests {
    use super::is_own_run;

    #[test]
    fn a_run_is_ones_own_by_machine_and_clone() {
        let run = "0011223344556677889900aa@here";
        assert!(is_own_run(run, "here", Some("00112233")));
        assert!(is_own_run(run, "here", None));
        for (host, clone) in [("here", Some("99112233")), ("here", Some("none")), ("there", None), ("", None)] {
            assert!(!is_own_run(run, host, clone));
        }
        assert!(is_own_run("f@here", "here", None) && is_own_run("0123456789abcdef@here", "here", Some("00112233")));
        assert!(!is_own_run("f@there", "here", None) && !is_own_run("f", "here", None));
    }
}
