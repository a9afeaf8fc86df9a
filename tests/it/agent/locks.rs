//! One lock, many processes.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use chant::agent::Lock;

use super::*;

#[test]
fn of_eight_processes_that_want_one_lock_exactly_one_gets_it() {
    for _ in 0..3 {
        let place = Place::new();
        let mut takers: Vec<Played> = (0..8).map(|_| Played::start(&mut role("taker", place.dir.path(), ""))).collect();
        for taker in &mut takers {
            taker.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        }
        let verdicts = || -> Vec<String> {
            let names = std::fs::read_dir(place.dir.path()).unwrap().flatten().map(|entry| entry.path());
            let names = names.filter(|path| path.extension().is_none());
            let names = names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("verdict-"));
            names.map(|path| std::fs::read_to_string(path).unwrap()).collect()
        };
        eventually("all have tried", || verdicts().len() == 8);
        assert_eq!(verdicts().iter().filter(|verdict| *verdict == "took").count(), 1);
        assert!(Lock::is_held(&place.path("lock")).unwrap());
        for taker in &mut takers {
            drop(taker.0.stdin.take());
            taker.0.wait().unwrap();
        }
        assert!(!Lock::is_held(&place.path("lock")).unwrap(), "free when they are gone");
    }
}

#[test]
fn looking_never_disturbs_a_taker_nor_does_starting_programs_meanwhile() {
    let place = Place::new();
    let path = place.path("lock");
    drop(Lock::try_take(&path).unwrap().unwrap());
    let _lookers: Vec<Played> = (0..2).map(|_| Played::start(&mut role("looker", place.dir.path(), ""))).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                Lock::is_held(&path).unwrap();
            }
        });
        // A process being started has a copy of every descriptor until it runs its program.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert!(Command::new("true").status().unwrap().success());
            }
        });
        let spurious = (0..20_000).filter(|_| Lock::try_take(&path).unwrap().is_none()).count();
        over.store(true, Ordering::Relaxed);
        assert_eq!(spurious, 0, "of 20,000 tries at a lock that nobody holds");
    });
}
