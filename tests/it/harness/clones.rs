//! Several clones of one project around one bare repository, reached as people reach it.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Output, Sandbox, run, until};

/// How the clones reach the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    File,
    Daemon,
    /// Smart HTTP with a password, through nginx and fcgiwrap.
    Http,
    /// A real sshd on loopback.
    Ssh,
}

pub struct Clones {
    pub sandbox: Sandbox,
    url: String,
    servers: Vec<Child>,
    guarded: bool,
}

impl Drop for Clones {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // With all that it has started.
            if let Some(pid) = i32::try_from(server.id()).ok().and_then(rustix::process::Pid::from_raw) {
                rustix::process::kill_process_group(pid, rustix::process::Signal::KILL).ok();
            }
            server.kill().ok();
            server.wait().ok();
        }
    }
}

/// Where hooks find chant.
fn path_with_chant() -> String {
    let own = Path::new(super::chant()).parent().unwrap();
    format!("{}:{}", own.display(), std::env::var("PATH").unwrap())
}

/// A port that was free a moment ago.
pub fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

impl Way {
    /// Whether this machine has what it takes; the daemon and files come with Git.
    pub fn is_possible(self) -> bool {
        let there = |path: &str| Path::new(path).exists();
        match self {
            Self::File | Self::Daemon => true,
            Self::Http => there("/usr/sbin/nginx") && there("/usr/sbin/fcgiwrap"),
            Self::Ssh => there("/usr/sbin/sshd") && there("/usr/bin/ssh-keygen"),
        }
    }
}

impl Clones {
    /// A hub with one project that `specs` writes, and no clone yet but the one it was made in.
    pub fn new(way: Way, specs: impl FnOnce(&Sandbox)) -> Self {
        Self::made(way, None, "remote: origin\n", specs)
    }

    /// The same with chant's hooks of a server in the hub.
    pub fn guarded(way: Way, specs: impl FnOnce(&Sandbox)) -> Self {
        let clones = Self::with(way, None, "remote: origin\n", true, specs);
        clones.at_hub_by(super::chant(), &["hooks", "install"]).ok();
        clones
    }

    /// The same over HTTP, where the paths of a forge's API lead to another server on this machine; nothing is shared yet.
    pub fn behind(api: u16, specs: impl FnOnce(&Sandbox)) -> Self {
        Self::made(Way::Http, Some(api), "", specs)
    }

    fn made(way: Way, api: Option<u16>, config: &str, specs: impl FnOnce(&Sandbox)) -> Self {
        // Whatever goes without the hooks of a server has to go with them:
        // `CHANT_GUARDED=1 cargo test --test it remote::`.
        let guarded = std::env::var_os("CHANT_GUARDED").is_some();
        let clones = Self::with(way, api, config, guarded, specs);
        if guarded {
            clones.at_hub_by(super::chant(), &["hooks", "install"]).ok();
        }
        clones
    }

    fn with(way: Way, api: Option<u16>, config: &str, guarded: bool, specs: impl FnOnce(&Sandbox)) -> Self {
        let sandbox = Sandbox::new();
        let hub = sandbox.apart("hub.git");
        run(sandbox
            .command("git", &sandbox.root)
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&hub))
        .ok();
        let mut clones = Self { url: hub.display().to_string(), sandbox, servers: Vec::new(), guarded };
        match way {
            Way::File => clones.url = format!("file://{}", hub.display()),
            Way::Daemon => clones.daemon(),
            Way::Http => clones.http(api),
            Way::Ssh => clones.ssh(),
        }
        clones.sandbox.write(".chant/config.yaml", config);
        specs(&clones.sandbox);
        clones.sandbox.commit("specs");
        clones.git(&clones.sandbox.root, &["remote", "add", "origin", &clones.url]);
        clones.git(&clones.sandbox.root, &["push", "--quiet", "--set-upstream", "origin", "main"]);
        clones
    }

    pub fn hub(&self) -> PathBuf {
        self.sandbox.apart("hub.git")
    }

    /// What Git says in the hub.
    #[track_caller]
    pub fn at_hub(&self, args: &str) -> String {
        let out = run(self.sandbox.command("git", &self.hub()).args(args.split_whitespace())).ok();
        out.out.trim_end().to_owned()
    }

    /// A program in the hub, as its administrator calls it.
    pub fn at_hub_by(&self, program: &str, args: &[&str]) -> Output {
        run(self.with_config(self.sandbox.command(program, &self.hub())).args(args))
    }

    /// Another clone, in a directory of that name.
    pub fn clone(&self, name: &str) -> PathBuf {
        let dir = self.sandbox.apart(name);
        self.git(&self.sandbox.root, &["clone", "--quiet", &self.url, dir.to_str().unwrap()]);
        dir
    }

    pub fn chant(&self, dir: &Path, args: &[&str]) -> Output {
        self.chant_with(dir, &[], args)
    }

    pub fn chant_with(&self, dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Output {
        run(self.command(dir).envs(env.iter().copied()).args(args))
    }

    pub fn spawn(&self, dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Child {
        let mut command = self.command(dir);
        command.envs(env.iter().copied()).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn command(&self, dir: &Path) -> Command {
        self.with_config(self.sandbox.command(super::chant(), dir))
    }

    /// How a clone reaches the hub is in the user's own configuration, as for people.
    fn with_config(&self, mut command: Command) -> Command {
        if self.guarded {
            command.env("PATH", path_with_chant());
        }
        let file = self.sandbox.apart("home/.gitconfig");
        if file.exists() {
            command.env("GIT_CONFIG_GLOBAL", file);
        }
        command
    }

    #[track_caller]
    pub fn git(&self, dir: &Path, args: &[&str]) -> String {
        run(self.with_config(self.sandbox.command("git", dir)).args(args)).ok().out.trim_end().to_owned()
    }

    pub fn git_with(&self, dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Output {
        run(self.with_config(self.sandbox.command("git", dir)).envs(env.iter().copied()).args(args))
    }

    #[track_caller]
    pub fn item(&self, dir: &Path, id: &str) -> serde_json::Value {
        let list = self.chant(dir, &["list", "--json"]).ok().json();
        list.as_array().unwrap().iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id}")).clone()
    }

    #[track_caller]
    pub fn status(&self, dir: &Path, id: &str) -> String {
        self.item(dir, id)["status"].as_str().unwrap().to_owned()
    }

    fn daemon(&mut self) {
        let port = port();
        let mut daemon = self.with_config(self.sandbox.command("git", &self.sandbox.apart("")));
        daemon.args(["daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1"]);
        daemon.arg(format!("--port={port}")).arg(format!("--base-path={}", self.sandbox.apart("").display()));
        self.serve(daemon, port);
        self.url = format!("git://127.0.0.1:{port}/hub.git");
    }

    /// Another name for the hub, below the same server.
    pub fn set_path(&mut self, path: &str) {
        self.url = self.url.replace("hub.git", path);
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Git as somebody else on this machine calls it.
    pub fn git_there(&self) -> super::forge::Git {
        super::forge::git_of(&self.sandbox)
    }

    fn http(&mut self, api: Option<u16>) {
        let (port, base) = (port(), self.sandbox.apart(""));
        let base = base.to_str().unwrap().trim_end_matches('/').to_owned();
        let exec = run(self.sandbox.command("git", &self.sandbox.root).arg("--exec-path")).ok().out.trim().to_owned();
        run(self.sandbox.command("git", &self.hub()).args(["config", "http.receivepack", "true"])).ok();
        std::fs::write(format!("{base}/htpasswd"), "ada:{PLAIN}secret\neve:{PLAIN}secret\n").unwrap();
        let api = api.map_or_else(String::new, |port| {
            let to = format!("proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; auth_basic off;");
            format!("location /api/ {{ {to} }} location /a/ {{ {to} }} location /changes/ {{ {to} }}")
        });
        let conf = format!(
            "daemon off; master_process off; pid {base}/nginx.pid; error_log {base}/nginx.log;\n\
             events {{ worker_connections 128; }}\n\
             http {{ access_log off; client_max_body_size 0; client_body_temp_path {base}/t1; proxy_temp_path {base}/t2;\n\
             fastcgi_temp_path {base}/t3; uwsgi_temp_path {base}/t4; scgi_temp_path {base}/t5;\n\
             server {{ listen 127.0.0.1:{port}; {api}\n location / {{ auth_basic hub; auth_basic_user_file {base}/htpasswd;\n\
             fastcgi_pass unix:{base}/fcgi.sock; fastcgi_param SCRIPT_FILENAME {exec}/git-http-backend;\n\
             fastcgi_param GIT_PROJECT_ROOT {base}; fastcgi_param GIT_HTTP_EXPORT_ALL 1; fastcgi_param PATH_INFO $uri;\n\
             fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;\n\
             fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;\n\
             fastcgi_param GIT_PROTOCOL $http_git_protocol; fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;\n\
             fastcgi_param REMOTE_USER $remote_user; fastcgi_param REMOTE_ADDR $remote_addr; }} }} }}\n"
        );
        std::fs::write(format!("{base}/nginx.conf"), conf).unwrap();
        let mut fcgi = self.with_config(self.sandbox.command("/usr/sbin/fcgiwrap", &self.sandbox.root));
        fcgi.args(["-c", "8", "-s", &format!("unix:{base}/fcgi.sock")]).stdout(Stdio::null()).stderr(Stdio::null());
        self.servers.push(fcgi.process_group(0).spawn().unwrap());
        until("fcgiwrap to be up", || Path::new(&format!("{base}/fcgi.sock")).exists());
        let mut nginx = self.sandbox.command("/usr/sbin/nginx", &self.sandbox.root);
        nginx.args(["-p", &base, "-c", &format!("{base}/nginx.conf")]);
        self.serve(nginx, port);
        // The password comes from a credential helper, as it does for people; it is in no remote's URL.
        let helper = "!f() { echo username=ada; echo password=secret; }; f";
        std::fs::write(self.sandbox.apart("home/.gitconfig"), format!("[credential]\n\thelper = \"{helper}\"\n"))
            .unwrap();
        self.url = format!("http://127.0.0.1:{port}/hub.git");
    }

    fn ssh(&mut self) {
        let (port, base) = (port(), self.sandbox.apart(""));
        let base = base.to_str().unwrap().trim_end_matches('/').to_owned();
        for key in ["host", "user"] {
            let mut keygen = self.sandbox.command("ssh-keygen", &self.sandbox.root);
            run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &format!("{base}/{key}")])).ok();
        }
        std::fs::copy(format!("{base}/user.pub"), format!("{base}/authorized")).unwrap();
        std::fs::create_dir_all("/run/sshd").ok();
        let conf = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {base}/host\nPidFile {base}/sshd.pid\nAuthorizedKeysFile {base}/authorized\n\
             PermitUserEnvironment yes\nSetEnv PATH={}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 200\nMaxSessions 200\n",
            if self.guarded { path_with_chant() } else { std::env::var("PATH").unwrap() }
        );
        std::fs::write(format!("{base}/sshd.conf"), conf).unwrap();
        let mut sshd = self.sandbox.command("/usr/sbin/sshd", &self.sandbox.root);
        sshd.args(["-D", "-e", "-f", &format!("{base}/sshd.conf")]);
        self.serve(sshd, port);
        let ssh = format!(
            "ssh -F none -i {base}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes"
        );
        std::fs::write(self.sandbox.apart("home/.gitconfig"), format!("[core]\n\tsshCommand = {ssh}\n")).unwrap();
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        self.url = format!("ssh://{user}@127.0.0.1:{port}{base}/hub.git");
    }

    fn serve(&mut self, mut server: Command, port: u16) {
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.servers.push(server.spawn().unwrap());
        until("the server to listen", || listens(port));
    }
}
