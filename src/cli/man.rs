//! `chant man`

use std::path::PathBuf;

use clap::Args;

use super::{Context, Outcome};
use crate::ops;

/// Install the manual pages, so that `man git-chant` and `git chant --help` work.
#[derive(Args)]
pub struct Man {
    /// Into this directory, in its `man1`.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print the page of the whole program instead.
    #[arg(long)]
    print: bool,
}

impl Man {
    pub fn run(self, context: &Context) -> Outcome {
        if self.print {
            let page = page(super::command(), "chant")?;
            context.print(&String::from_utf8_lossy(&page))?;
            return Ok(0);
        }
        let home = || context.env.vars.get("HOME").map(|home| PathBuf::from(home).join(".local/share/man"));
        let data = context.env.vars.get("XDG_DATA_HOME").map(|data| PathBuf::from(data).join("man"));
        let Some(dir) = self.dir.or(data).or_else(home) else {
            return Err(ops::Error::usage("HOME is not set", "name the directory: `chant man --dir <dir>`"));
        };
        let dir = dir.join("man1");
        std::fs::create_dir_all(&dir).map_err(ops::Error::file(format!("make {}", dir.display())))?;
        let mut count = 0;
        for name in ["chant", "git-chant"] {
            let typed = name.replace("git-", "git ");
            let mut command = super::command().name(name).bin_name(typed).disable_help_subcommand(true);
            command.build();
            write(&dir, name, &page(command.clone(), name)?)?;
            count += 1;
            for sub in command.get_subcommands() {
                let full = format!("{name}-{}", sub.get_name());
                write(&dir, &full, &page(sub.clone(), &full)?)?;
                count += 1;
            }
        }
        context.print(&format!("{count} pages in {}\n", dir.display()))?;
        Ok(0)
    }
}

fn write(dir: &std::path::Path, name: &str, page: &[u8]) -> Result<(), ops::Error> {
    let path = dir.join(format!("{name}.1"));
    std::fs::write(&path, page).map_err(ops::Error::file(format!("write {}", path.display())))
}

fn page(command: clap::Command, name: &str) -> Result<Vec<u8>, ops::Error> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.name(name.to_owned()).help_template(""))
        .render(&mut page)
        .map_err(ops::Error::file("write the manual page"))?;
    Ok(page)
}
