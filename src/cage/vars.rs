//! Which of the user's variables a caged program is given.
//!
//! An allow-list, for a secret can have any name: what is not known here, and not named by `sandbox.pass_env` or
//! `env:`, is left out. It is wide, so that builds find their tools: everything that says who and where one is, how text
//! is shown, and where the common tool chains keep themselves. Of those, too, what looks like a secret by its name or by
//! its value does not pass.

use globset::{GlobBuilder, GlobMatcher};

use super::secret::looks_secret;

/// Names that pass; one that ends in `*` stands for all that begin so.
const KNOWN: &[&str] = &[
    // Who and where one is, and how text is shown.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "HOSTNAME",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TZDIR",
    "TERM",
    "TERMINFO*",
    "COLORTERM",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR*",
    "COLUMNS",
    "LINES",
    "PAGER",
    "EDITOR",
    "VISUAL",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_*",
    "XDG_DATA_*",
    "XDG_STATE_HOME",
    "CI",
    "SOURCE_DATE_EPOCH",
    // Git's own words about the user; not those that lead it to a repository.
    "GIT_AUTHOR_*",
    "GIT_COMMITTER_*",
    "GIT_CONFIG_*",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_ATTR_NOSYSTEM",
    "GIT_EXEC_PATH",
    "GIT_TEMPLATE_DIR",
    "GIT_SSL_*",
    "GIT_TERMINAL_PROMPT",
    "GIT_EDITOR",
    "GIT_PAGER",
    // How the network is reached.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "ftp_proxy",
    "no_proxy",
    "SSL_CERT_*",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    // Compilers and linkers.
    "CC",
    "CXX",
    "CPP",
    "LD",
    "AR",
    "AS",
    "NM",
    "RANLIB",
    "STRIP",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "MAKEFLAGS",
    "CMAKE_*",
    "MESON_*",
    "NINJA_*",
    "PKG_CONFIG*",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "DYLD_*",
    "MANPATH",
    "INFOPATH",
    "CCACHE_*",
    "SCCACHE_*",
    "LLVM_*",
    "SDKROOT",
    "MACOSX_*",
    "NIX_*",
    // Languages and their tools.
    "CARGO*",
    "RUST*",
    "GO*",
    "CGO_*",
    "JAVA_*",
    "JDK_*",
    "MAVEN_*",
    "M2_*",
    "GRADLE_*",
    "SBT_*",
    "KOTLIN_*",
    "ANDROID_*",
    "NODE*",
    "NPM_*",
    "npm_*",
    "NVM_*",
    "FNM_*",
    "VOLTA_*",
    "PNPM_*",
    "YARN_*",
    "COREPACK_*",
    "DENO_*",
    "BUN_*",
    "ELECTRON_*",
    "PLAYWRIGHT_*",
    "PUPPETEER_*",
    "PYTHON*",
    "PYENV_*",
    "VIRTUAL_ENV*",
    "CONDA_*",
    "MAMBA_*",
    "PIP_*",
    "PIPX_*",
    "POETRY_*",
    "UV_*",
    "PDM_*",
    "HATCH_*",
    "TOX_*",
    "RUBY*",
    "GEM_*",
    "BUNDLE_*",
    "RBENV_*",
    "RVM_*",
    "PHP*",
    "COMPOSER_*",
    "PERL*",
    "DOTNET_*",
    "NUGET_*",
    "MSBUILD*",
    "ELIXIR_*",
    "MIX_*",
    "HEX_*",
    "ERL_*",
    "GHC*",
    "CABAL_*",
    "STACK_*",
    "OPAM*",
    "OCAML*",
    "DART_*",
    "FLUTTER_*",
    "PUB_*",
    "SWIFT_*",
    "ZIG_*",
    "LUA_*",
    "R_*",
    "JULIA_*",
    "ASDF_*",
    "MISE_*",
    "SDKMAN_*",
    "HOMEBREW_*",
    "BAZEL*",
    "BUCK_*",
    "TURBO_*",
    "NX_*",
    "CYPRESS_*",
    "PROTOC*",
];

/// Whether a variable is handed on to a caged program. `named` are the globs of `sandbox.pass_env`; what they name
/// passes, whatever it looks like.
pub fn passes(name: &str, value: &str, named: &[String]) -> bool {
    let known =
        || KNOWN.iter().any(|known| known.strip_suffix('*').map_or(name == *known, |head| name.starts_with(head)));
    names(named, name) || known() && !looks_secret(name, value)
}

/// Whether one of these globs names a variable.
pub fn names(named: &[String], name: &str) -> bool {
    named.iter().filter_map(|glob| matcher(glob)).any(|glob| glob.is_match(name))
}

fn matcher(glob: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(glob).build().ok().map(|glob| glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_build_needs_passes_and_secrets_do_not() {
        for (name, value) in [
            ("PATH", "/bin"),
            ("HOME", "/h"),
            ("LC_ALL", "C"),
            ("CARGO_HOME", "/c"),
            ("GOPATH", "/g"),
            ("JAVA_HOME", "/j"),
            ("VIRTUAL_ENV", "/v"),
            ("NODE_OPTIONS", "--x"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("GIT_CONFIG_KEY_0", "user.name"),
            ("PWD", "/x"),
            ("PYTHONPATH", "/p"),
        ] {
            assert!(passes(name, value, &[]), "{name}");
        }
        for (name, value) in [
            ("GITHUB_TOKEN", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("NPM_TOKEN", "x"),
            ("npm_config__auth", "x"),
            ("CARGO_REGISTRY_TOKEN", "x"),
            ("DATABASE_URL", "postgres://u:p@h/d"),
            ("ANYTHING_ELSE", "hunter2"),
            ("HTTPS_PROXY", "http://me:secret@proxy:3128"),
            ("PIP_INDEX_URL", "https://u:p@index.example"),
            ("SSH_AUTH_SOCK", "/run/x"),
            ("DBUS_SESSION_BUS_ADDRESS", "x"),
            ("TMUX", "x"),
            ("DOCKER_HOST", "x"),
            ("GIT_CONFIG_VALUE_0", "AUTHORIZATION: basic abc"),
            ("NODE_AUTH_TOKEN", "x"),
            ("CARGO_X", "ghp_0123456789abcdef"),
        ] {
            assert!(!passes(name, value, &[]), "{name}");
        }
    }

    #[test]
    fn what_is_named_passes_whatever_it_looks_like() {
        let named = ["ANTHROPIC_*".to_owned(), "GITHUB_TOKEN".to_owned(), "[".to_owned()];
        assert!(passes("ANTHROPIC_API_KEY", "sk-ant-0123456789", &named));
        assert!(passes("GITHUB_TOKEN", "x", &named));
        assert!(!passes("GITHUB_TOKEN_2", "x", &named));
    }

    proptest! {
        #[test]
        fn nothing_that_looks_secret_passes_unnamed(name in "[A-Z_]{1,12}", value in ".{0,40}") {
            prop_assert!(!(looks_secret(&name, &value) && passes(&name, &value, &[])));
        }
    }
}
