//! The secrets in a file of settings, as programs keep them: `KEY=value` (dotenv, ini, TOML), `key: value` (YAML), JSON, keys
//! in PEM, and the files of `netrc`, `pgpass` and `htpasswd`. Pure and total: what is none of these has none.

use serde_json::Value;

use super::secret::{is_hidden, looks_secret, password_in};

/// The values in a text that nobody is to read elsewhere. Where the file is one of secrets (`whole`), all values are that
/// are hidden when they are [given by name](is_hidden); in any other, those whose names or looks say that they are secrets.
pub fn secrets_in(text: &str, whole: bool) -> Vec<String> {
    let mut found = Found { whole, values: Vec::new() };
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => found.json("", &value),
        _ => found.lines(text),
    }
    found.values
}

/// A file as text: UTF-8, or UTF-16 as Windows' editors write it, with or without a mark of the order of its bytes. `None`
/// where it is neither.
pub fn as_text(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).collect::<Result<String, _>>().ok().filter(|text| !text.contains('\0'))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => as_text(rest),
        // Of letters of the West one byte of two is zero.
        [first, 0, _, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(bytes, u16::from_be_bytes),
        _ if bytes.contains(&0) => None,
        _ => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

struct Found {
    whole: bool,
    values: Vec<String>,
}

impl Found {
    fn add(&mut self, name: &str, value: &str) {
        let name = spelled(name);
        if is_hidden(&name, value) && (self.whole || looks_secret(&name, value)) {
            self.values.push(value.to_owned());
        }
        self.values.extend(password_in(value).filter(|password| is_hidden("PASSWORD", password)).map(str::to_owned));
    }

    fn json(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.add(name, text),
            Value::Array(all) => all.iter().for_each(|one| self.json(name, one)),
            Value::Object(all) => all.iter().for_each(|(name, one)| self.json(name, one)),
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn lines(&mut self, text: &str) {
        let mut rest = text;
        let mut above = Above::default();
        while !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = match pair(line) {
                // A quoted value may go on over lines.
                Some((name, from)) if let Some((block, after)) = block(rest.get(from..).unwrap_or_default()) => {
                    let name = above.full_name(line, name);
                    block.lines().for_each(|line| self.value(&name, line.trim()));
                    self.add(&name, block.trim_start_matches('\n'));
                    after
                }
                Some((name, from)) => {
                    let (value, after) =
                        quoted(rest.get(from..).unwrap_or_default()).unwrap_or((bare(&line[from..]), after));
                    let name = above.full_name(line, name);
                    self.value(&name, value);
                    above.is_over(line, name, value);
                    after
                }
                None => {
                    match above.of(line) {
                        Some(name) => self.value(&name, bare(line.trim().trim_start_matches("- "))),
                        None => self.words(line.trim()),
                    }
                    after
                }
            };
        }
    }

    /// A value as it stands, as a program may read it, and what is in it where it is a list or has names itself.
    fn value(&mut self, name: &str, value: &str) {
        self.add(name, value);
        if value.contains('\\') {
            self.add(name, &unescaped(value));
        }
        if value.starts_with(['{', '[']) {
            for piece in value.split(['{', '}', '[', ']', ',']).map(str::trim).filter(|piece| !piece.is_empty()) {
                match pair(piece) {
                    Some((inner, from)) => self.add(&format!("{name}.{inner}"), bare(&piece[from..])),
                    None => self.add(name, bare(piece)),
                }
            }
        }
        if let (true, Some(decoded)) = (value.contains('%'), decoded(value)) {
            self.add(name, &decoded);
        }
    }

    /// A line that names nothing: words, of which one may say what the next one is, or fields with a password at the end.
    fn words(&mut self, line: &str) {
        if line.starts_with(['#', ';']) || line.starts_with("-----") {
            return;
        }
        let mut name = "";
        for word in line.split_ascii_whitespace() {
            self.add(name, word);
            name = word;
        }
        if let (true, false, Some((_, last))) = (self.whole, line.contains([' ', '\t']), line.rsplit_once(':')) {
            self.add("PASSWORD", last);
        }
    }
}

/// What the lines above say of those below: whose list or block they are in.
#[derive(Default)]
struct Above {
    /// A name whose value stands below it, and how far it is indented; where that says nothing, it is the next line's.
    owner: Option<(String, Option<usize>)>,
    /// What a `name:` just called the `value:` that follows.
    called: Option<String>,
}

impl Above {
    /// The name of a line's value with that of what it is in.
    fn full_name(&mut self, line: &str, name: &str) -> String {
        if let Some(called) = self.called.take().filter(|_| spelled(name) == "VALUE") {
            return called;
        }
        match self.of(line) {
            Some(owner) => format!("{owner}.{name}"),
            None => name.to_owned(),
        }
    }

    /// Notes what a line with a name and a value says of those below.
    fn is_over(&mut self, line: &str, name: String, value: &str) {
        if spelled(name.rsplit('.').next().unwrap_or_default()) == "NAME" {
            self.called = Some(value.to_owned());
        }
        // An empty value of a dotenv file owns nothing, for what follows stands at its margin.
        if matches!(value, "" | "|" | ">" | "|-" | ">-" | "|+" | ">+" | "[" | "{") {
            self.owner = Some((name, Some(indent(line))));
        } else if value.ends_with('\\') {
            self.owner = Some((name, None));
        }
    }

    /// Whose value a line is a part of.
    fn of(&mut self, line: &str) -> Option<String> {
        let (name, at) = self.owner.as_ref()?;
        let name = name.clone();
        let Some(at) = *at else {
            self.owner = None;
            return Some(name);
        };
        let is_inside = indent(line) > at || indent(line) == at && line.trim_start().starts_with("- ");
        if !is_inside && !line.trim().is_empty() {
            self.owner = None;
            return None;
        }
        Some(name)
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// A value without its backslashes: what stands behind one is meant as it is, but for the end of a line, a tab, and the
/// number of a character in UTF-16, as JSON, YAML and dotenv have them.
fn unescaped(value: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let meant = match (c, rest.chars().next()) {
            ('\\', Some(next)) => {
                rest = &rest[next.len_utf8()..];
                match (next, rest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok())) {
                    ('u', Some(unit)) => {
                        rest = &rest[4..];
                        units.push(unit);
                        continue;
                    }
                    ('n', _) => '\n',
                    ('r', _) => '\r',
                    ('t', _) => '\t',
                    (other, _) => other,
                }
            }
            (c, _) => c,
        };
        units.extend_from_slice(meant.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

/// A value of an address, as it is meant.
fn decoded(value: &str) -> Option<String> {
    percent_encoding::percent_decode_str(value).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The name that a line gives to a value, and where that begins.
fn pair(line: &str) -> Option<(&str, usize)> {
    let is_name = |name: &str| {
        let inner = name.trim_matches(['"', '\'']);
        !inner.is_empty() && inner.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/:@".contains(c))
    };
    let split = |at: usize| {
        let name = line[..at].trim();
        let name = name.trim_start_matches(['#', ';']).trim_start();
        let name = name.strip_prefix("export ").or_else(|| name.strip_prefix("- ")).unwrap_or(name).trim();
        // A remark names something only where it names a secret.
        let told = !line.trim_start().starts_with(['#', ';']) || looks_secret(&spelled(name), "");
        (is_name(name) && told).then_some(name)
    };
    let equals = line.find('=').and_then(|at| Some((split(at)?, at + 1)));
    // A colon names something where a space follows: else it may stand in a path, or between fields.
    let colon = || line.match_indices(": ").find_map(|(at, _)| Some((split(at)?, at + 1)));
    // And at its end, where lines below it have the value; and behind what names a secret, as in Java's properties.
    let last = || line.trim_end().strip_suffix(':').and_then(|name| Some((split(name.len())?, name.len() + 1)));
    let tight = || line.find(':').and_then(|at| Some((split(at)?, at + 1)));
    let tight = || tight().filter(|(name, _)| looks_secret(&spelled(name), "") && !line.contains("://"));
    let (name, from) = equals.or_else(colon).or_else(last).or_else(tight)?;
    let blank = line[from..].len() - line[from..].trim_start().len();
    Some((name, from + blank))
}

/// A value over lines between three quotes, as TOML and Python have it, and what follows its end.
fn block(text: &str) -> Option<(&str, &str)> {
    let quote = ["\"\"\"", "'''"].into_iter().find(|quote| text.starts_with(quote))?;
    let (inner, rest) = text[quote.len()..].split_once(quote)?;
    Some((inner, next_line(rest)))
}

/// A value in quotes, and what follows its line.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\'' | '`'))?;
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped && quote == '"';
        ends.then_some(at)
    })?;
    Some((&text[1..end], next_line(&text[end..])))
}

/// What follows the line on which a text begins.
fn next_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, after)| after)
}

/// A value without quotes, up to a remark.
fn bare(text: &str) -> &str {
    let text = text.split(" #").next().unwrap_or_default();
    text.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'', '`'])
}

/// A name as variables are spelled: `accessKeyId` and `client-secret` say what `ACCESS_KEY_ID` and `CLIENT_SECRET` do.
fn spelled(name: &str) -> String {
    let mut out = String::new();
    let mut small = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && small {
            out.push('_');
        }
        small = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_a_dotenv_file_ports_and_switches_are_no_secrets_and_the_rest_is() {
        let text = "# DB=not-this-one-here\nPORT=3000\nDEBUG=true\nNODE_ENV=production\nHOST=http://localhost:3000\n\
                    export DB_PASSWORD=hunter2\nAPI = 'quoted one with # inside' # why\nLONG=\"first line\nsecond line\"\n\
                    DATABASE_URL=postgres://app:s3cret9@db/app\nEMPTY=\nSALT=pl41n-s4lt # a remark\r\n";
        let found = secrets_in(text, true);
        let wanted = [
            "hunter2",
            "quoted one with # inside",
            "first line\nsecond line",
            "postgres://app:s3cret9@db/app",
            "s3cret9",
            "pl41n-s4lt",
        ];
        assert_eq!(found, wanted);
        assert_eq!(secrets_in(text, false), ["hunter2", "postgres://app:s3cret9@db/app", "s3cret9"]);
    }

    #[test]
    fn other_files_of_secrets_are_read_as_their_programs_do() {
        for (text, wanted) in [
            ("//registry.npmjs.org/:_authToken=1f2e3d4c-5b6a\n", "1f2e3d4c-5b6a"),
            ("machine x.example login ada password hunter22\n", "hunter22"),
            ("db.example:5432:app:ada:tr0ub4dor\n", "tr0ub4dor"),
            ("https://ada:tr0ub4dor@git.example\n", "tr0ub4dor"),
            ("ada:$apr1$x$abcdefgh1\n", "$apr1$x$abcdefgh1"),
            ("{\"a\":{\"clientSecret\":\"abcdefgh1\"},\"port\":\"3000\"}", "abcdefgh1"),
            ("token: \"abcdefgh1\"\n", "abcdefgh1"),
            ("a:\n  secret: |\n    abcdefgh1\n", "abcdefgh1"),
            ("tokens:\n- abcdefgh1\n- x\n", "abcdefgh1"),
            ("stringData: {token: 'abcdefgh1'}\n", "abcdefgh1"),
            ("env:\n- name: DB_PASSWORD\n  value: abcdefgh1\n", "abcdefgh1"),
            ("db.password:abcdefgh1\n", "abcdefgh1"),
            ("password = abc\\\n  defgh12\n", "defgh12"),
            ("secret_key = \"\"\"\nabcdefgh1\n\"\"\"\n", "abcdefgh1"),
            ("; token: abcdefgh1\n", "abcdefgh1"),
            ("A_TOKEN=\"abc\\u0064efgh1\"\n", "abcdefgh1"),
            ("// JSON, as people write it\n{\n  \"token\": \"abc\\u0064efgh\\u00211\",\n}\n", "abcdefgh!1"),
            ("{\"token\":\"abc\\ud83d\\ude00defgh1\"}", "abc😀defgh1"),
            ("db:\n  text: '''\nabcdefgh1\n'''\n", "abcdefgh1"),
            ("A_TOKEN=abc\\\\defgh1\n", "abc\\defgh1"),
            ("DB_PASSWORD=\"do\\$lar9val!x\"\n", "do$lar9val!x"),
            ("DB_PASSWORD=pa%22ss9word%21x\n", "pa\"ss9word!x"),
            ("[default]\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG\n", "wJalrXUtnFEMI/K7MDENG"),
            ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n", "MIIEvQIBADANBgkq"),
        ] {
            assert!(secrets_in(text, true).contains(&wanted.to_owned()), "{text}: {:?}", secrets_in(text, true));
        }
    }

    #[test]
    fn a_triple_quoted_value_has_the_name_of_what_it_is_in() {
        let text = "password:\n  text: '''\nabcdefgh1\n'''\nother: '''\nplainwords\n'''\n";
        assert_eq!(secrets_in(text, false), ["abcdefgh1", "abcdefgh1\n"]);
    }

    #[test]
    fn what_windows_editors_write_is_text_as_well() {
        let text = "A_TOKEN=abcdefgh1\r\nß=😀\r\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe", little.as_slice()].concat(),
            [b"\xfe\xff", big.as_slice()].concat(),
            little,
            big,
        ] {
            assert_eq!(as_text(&bytes).as_deref(), Some(text), "{bytes:?}");
        }
        assert_eq!(as_text(b"\x7fELF\0\0\0"), None);
        assert_eq!(as_text(b"a\xffb").as_deref(), Some("a\u{fffd}b"));
        assert_eq!(as_text(b"").as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_text_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            as_text(&bytes).iter().for_each(|text| drop(secrets_in(text, true)));
        }

        #[test]
        fn a_value_is_read_as_json_means_it(value in "\\PC{0,12}") {
            let quoted = serde_json::Value::from(value.clone()).to_string();
            prop_assert_eq!(unescaped(&quoted[1..quoted.len() - 1]), value);
        }

        #[test]
        fn whatever_a_file_holds_it_can_be_read(text in "[ -~\n\"'=:é\\\\]{0,120}", whole in any::<bool>()) {
            let found = secrets_in(&text, whole);
            prop_assert!(found.iter().all(|value| value.len() >= 6));
        }

        #[test]
        fn a_secret_is_found_however_it_is_quoted(key in "[A-Za-z]{6}[0-9][A-Za-z0-9]{9,20}", quote in 0..3usize) {
            let quote = ["", "\"", "'"][quote];
            for line in [format!("A_KEY={quote}{key}{quote}"), format!("  aKey: {quote}{key}{quote}")] {
                prop_assert_eq!(secrets_in(&format!("X=1\n{line}\nY=2\n"), false), [key.clone()]);
            }
        }
    }
}
