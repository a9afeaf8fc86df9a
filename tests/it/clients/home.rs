//! Where clients keep themselves while they are shut in: what they read is the user's, their sessions stay, renewed
//! credentials come back, and nothing that is started by itself the next time can be changed.

use std::path::PathBuf;

use super::{Desk, KINDS, WRITE};

/// A home in which somebody is signed in everywhere and has settings.
fn lived_in(desk: &Desk) -> PathBuf {
    let home = desk.sandbox.root.parent().unwrap().join("home");
    for (path, text) in [
        (".claude.json", "{\"mcpServers\":{}}"),
        (".claude/.credentials.json", "{\"token\":\"old\"}"),
        (".claude/settings.json", "{\"hooks\":{}}"),
        (".claude/local/claude", "#!/bin/sh\n"),
        (".codex/auth.json", "{\"token\":\"old\"}"),
        (".codex/config.toml", "model = \"m\"\n"),
        (".codex/skills/one/SKILL.md", "one"),
        (".config/opencode/opencode.json", "{}"),
        (".config/git/ignore", "*.o\n"),
        (".opencode/bin/opencode", "#!/bin/sh\n"),
        (".local/share/opencode/auth.json", "{}"),
    ] {
        let file = home.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    home
}

/// Runs a scripted client of a kind; the script says with `fail` what should not have been.
#[track_caller]
fn plays(kind: usize, script: &str) -> Option<(Desk, PathBuf)> {
    if !chant::cage::support().is_there() {
        eprintln!("no landlock here");
        return None;
    }
    let kind = &KINDS[kind];
    let desk = Desk::new(&format!("agent: {}\nagents: {{ {}: {{ model: {} }} }}\n", kind.name, kind.name, kind.model));
    let home = lived_in(&desk);
    let script = format!("fail() {{ echo \"$1\" >> $me.failed; }}\n{{\n{script}\n}} 2>/dev/null\n{WRITE}");
    desk.client(kind.name, 0, kind.well, &script, 0);
    desk.chant(&["work", "001"]).ok();
    assert_eq!(desk.file(&format!("{}.failed", kind.name)), "");
    let cells: Vec<_> = std::fs::read_dir(desk.sandbox.path(".git/chant/cells")).unwrap().flatten().collect();
    assert!(cells.is_empty(), "{cells:?}");
    Some((desk, home))
}

#[test]
fn claude_code_keeps_its_sessions_renews_its_credentials_and_changes_nothing_else() {
    let Some((_desk, home)) = plays(
        0,
        "grep -q hooks $CLAUDE_CONFIG_DIR/settings.json || fail settings\n\
         grep -q mcpServers $CLAUDE_CONFIG_DIR/.claude.json || fail state\n\
         grep -q old $CLAUDE_CONFIG_DIR/.credentials.json || fail credentials\n\
         mkdir -p $CLAUDE_CONFIG_DIR/projects/x && echo s > $CLAUDE_CONFIG_DIR/projects/x/s.jsonl || fail session\n\
         echo '{\"token\":\"new\"}' > $CLAUDE_CONFIG_DIR/t && mv $CLAUDE_CONFIG_DIR/t $CLAUDE_CONFIG_DIR/.credentials.json || fail renew\n\
         echo '{\"mcpServers\":{\"evil\":1}}' > $CLAUDE_CONFIG_DIR/.claude.json || fail own-state\n\
         (echo evil > $CLAUDE_CONFIG_DIR/settings.json) && fail wrote-settings\n\
         (echo evil > $HOME/.claude/settings.json) && fail wrote-settings-directly\n\
         (echo evil > $HOME/.claude/local/claude) && fail wrote-program\n\
         (echo evil > $HOME/.claude/.credentials.json) && fail wrote-credentials\n\
         (echo evil > $HOME/.claude.json) && fail wrote-state",
    ) else {
        return;
    };
    let read = |path: &str| std::fs::read_to_string(home.join(path)).unwrap();
    assert_eq!(read(".claude/.credentials.json"), "{\"token\":\"new\"}\n");
    assert_eq!(read(".claude/projects/x/s.jsonl"), "s\n");
    assert_eq!(
        (read(".claude.json"), read(".claude/settings.json")),
        ("{\"mcpServers\":{}}".into(), "{\"hooks\":{}}".into())
    );
}

#[test]
fn codex_keeps_its_sessions_renews_its_credentials_and_changes_nothing_else() {
    let Some((_desk, home)) = plays(
        1,
        "grep -q model $CODEX_HOME/config.toml || fail config\n\
         grep -q one $CODEX_HOME/skills/one/SKILL.md || fail skills\n\
         mkdir -p $CODEX_HOME/sessions/1 $CODEX_HOME/skills/.system $CODEX_HOME/tmp || fail makes\n\
         echo '{\"token\":\"new\"}' > $CODEX_HOME/auth.json || fail renew\n\
         (echo evil > $CODEX_HOME/config.toml) && fail wrote-config\n\
         (echo evil > $CODEX_HOME/skills/one/SKILL.md) && fail wrote-skill\n\
         (echo evil > $HOME/.codex/hooks.json) && fail wrote-hooks",
    ) else {
        return;
    };
    let read = |path: &str| std::fs::read_to_string(home.join(path)).unwrap();
    assert_eq!(read(".codex/auth.json"), "{\"token\":\"new\"}\n");
    assert!(home.join(".codex/sessions/1").is_dir() && !home.join(".codex/tmp").exists());
}

#[test]
fn opencode_keeps_its_data_and_neither_settings_nor_program_can_be_changed() {
    plays(
        2,
        "test -f $XDG_CONFIG_HOME/opencode/opencode.json || fail config\n\
         grep -q o $XDG_CONFIG_HOME/git/ignore || fail git\n\
         touch $XDG_CONFIG_HOME/opencode/package.json $XDG_CACHE_HOME/x $HOME/.local/share/opencode/opencode.db || fail makes\n\
         mkdir -p $HOME/.local/state/opencode/locks || fail state\n\
         (echo evil > $XDG_CONFIG_HOME/opencode/opencode.json) && fail wrote-config\n\
         (echo evil > $HOME/.config/opencode/plugin.js) && fail wrote-plugin\n\
         (echo evil > $HOME/.opencode/bin/opencode) && fail wrote-program",
    );
}
