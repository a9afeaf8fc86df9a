//! `.worktreeinclude`: which ignored files are brought along into a worktree. Which match, Git says, whose syntax it is;
//! here is what is decided beyond that.

/// Whether a path looks like it holds secrets: `.env` and what begins or ends so, keys, the files in which programs keep
/// their passwords, and data whose name speaks of secrets, unless it came with somebody's package.
pub fn looks_secret(path: &str) -> bool {
    const NAMES: [&str; 8] =
        [".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", "credentials", "credentials.json", ".htpasswd"];
    const ENDINGS: [&str; 9] = [".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".env", ".tfvars", ".kdbx"];
    let path = path.to_lowercase();
    path.split('/').any(|part| {
        part.starts_with(".env")
            || part.starts_with("id_rsa")
            || part.starts_with("id_ed25519")
            || NAMES.contains(&part)
            || ENDINGS.iter().any(|ending| part.ends_with(ending))
    }) || speaks_of_secrets(&path)
}

/// Whether a path in small letters is data, no program, whose name or directory speaks of secrets.
fn speaks_of_secrets(path: &str) -> bool {
    const PACKAGES: [&str; 8] =
        ["node_modules", "vendor", "target", "site-packages", "venv", ".venv", "bower_components", ".git"];
    const DATA: [&str; 13] =
        ["", "json", "yml", "yaml", "toml", "ini", "conf", "cfg", "txt", "properties", "xml", "csv", "env"];
    const DIRS: [&str; 7] = ["keys", "secrets", "secret", "credentials", ".ssh", ".aws", ".gnupg"];
    const PARTS: [&str; 6] = ["secret", "credential", "password", "passwd", "serviceaccount", "private_key"];
    const WORDS: [&str; 4] = ["token", "tokens", "apikey", "apikeys"];
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    if dirs.split('/').any(|dir| PACKAGES.contains(&dir)) {
        return false;
    }
    let is_data = DATA.contains(&name.trim_start_matches('.').rsplit_once('.').map_or("", |(_, ending)| ending));
    let plain: String = name.chars().map(|c| if c == '-' { '_' } else { c }).collect();
    let joined = plain.replace("service_account", "serviceaccount").replace("api_key", "apikey");
    let words = || joined.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word));
    is_data
        && (dirs.split('/').any(|dir| DIRS.contains(&dir)) || PARTS.iter().any(|part| joined.contains(part)) || words())
}

/// Whether a file of patterns names a path letter by letter: by its whole path, or by its name where the pattern has no
/// slash. A pattern that is a glob, or names a directory above it, does not.
pub fn names_literally(patterns: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    patterns.lines().map(|line| line.trim_end_matches('\r').trim_end()).any(|line| {
        let plain = !line.is_empty() && !line.starts_with(['#', '!']) && !line.contains(['*', '?', '[', '\\']);
        let anchored = line.trim_start_matches('/');
        plain && (anchored == path || (line == name && !line.contains('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_secret_is_known_by_its_name() {
        for path in [".env", "a/.env.local", ".envrc", "certs/server.pem", "home/.netrc", "ID_RSA", ".env.d/x"] {
            assert!(looks_secret(path), "{path}");
        }
        for path in [
            "prod.env",
            "secrets.yml",
            "client_secret.json",
            "conf/serviceAccountKey.json",
            "service-account.json",
            "gh-token",
            "prod.tfvars",
            "keys/deploy",
            "db-password.txt",
            "api-key.txt",
        ] {
            assert!(looks_secret(path), "{path}");
        }
        for path in ["src/token.rs", "keys/index.ts", "node_modules/x/tokens.json", "tokenizer.json", "keyboard.txt"] {
            assert!(!looks_secret(path), "{path}");
        }
        for path in ["env", "a/environment.ts", "data.sqlite", "keys.md", "node_modules/x/index.js"] {
            assert!(!looks_secret(path), "{path}");
        }
    }

    #[test]
    fn only_a_name_that_is_no_pattern_names_letter_by_letter() {
        let patterns = "# .env.no\n/.env\n.env.local\nconf/.env\n*.pem\nsecrets/\n!.env.test\n";
        for path in [".env", ".env.local", "deep/.env.local", "conf/.env"] {
            assert!(names_literally(patterns, path), "{path}");
        }
        for path in [".env.no", "deep/.env", "x.pem", "secrets/.env", ".env.test", "conf/.env.local2"] {
            assert!(!names_literally(patterns, path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_glob_names_nothing(path in "[a-c]{1,3}(/[a-c]{1,3})?", before in "[a-c]{0,2}", after in "[a-c]{0,2}") {
            let glob = format!("{before}*{after}\n");
            prop_assert!(!names_literally(&glob, &path));
            let both = format!("{glob}/{path}\n");
            prop_assert!(names_literally(&both, &path));
        }
    }
}
