//! Pull requests: what they say, and how each forge is asked about them.
//!
//! A forge is asked in four questions only ([`Forge`]): which requests there are from a branch, which go into one, open
//! this, change that. What is to be asked is decided without it ([`todo`]), from plain data ([`Pull`]), so that a call
//! that broke off anywhere can be made again. Nothing that a forge says is believed about the work itself: what has
//! landed is told by Git, and a forge only names the commit to look at.
//!
//! [`Site`] tells from a remote's URL which forge it is and where its API answers; [`Rest`] is the one HTTP client, with
//! the token that [`Token`] keeps out of every message.

mod body;
mod error;
mod gerrit;
mod gitea;
mod github;
mod gitlab;
mod heard;
mod pull;
mod rest;
mod site;
mod token;

pub use body::{Part, body, renew, title};
pub use error::Error;
pub use gerrit::{change_id, pushed_to};
pub use gitlab::{create_by_hand, push_options};
pub use heard::{Heard, heard_line, last_heard};
pub use pull::{Draft, Edit, Opinion, Pull, PullState, Squash, Todo, todo};
pub use rest::Rest;
pub use site::Site;
pub use token::{Token, variables};

use crate::config::ForgeKind;

/// A forge, as far as pull requests go. One file each, one shared suite.
pub trait Forge {
    /// Every request whose source is a branch of this repository, newest first, whatever became of it.
    ///
    /// # Errors
    /// Where the forge cannot be asked, or says no.
    fn pulls(&self, head: &str) -> Result<Vec<Pull>, Error>;

    /// The open requests into a branch.
    ///
    /// # Errors
    /// As [`Forge::pulls`].
    fn onto(&self, base: &str) -> Result<Vec<Pull>, Error>;

    /// Opens a request.
    ///
    /// # Errors
    /// As [`Forge::pulls`].
    fn open(&self, draft: &Draft) -> Result<Pull, Error>;

    /// Changes one.
    ///
    /// # Errors
    /// As [`Forge::pulls`].
    fn edit(&self, number: u64, edit: &Edit) -> Result<(), Error>;

    /// What reviewers say of an open one now, where any did.
    ///
    /// # Errors
    /// As [`Forge::pulls`].
    fn opinion(&self, pull: &Pull) -> Result<Option<Opinion>, Error>;

    /// What a squash makes of the trailers at the end of a request's body.
    ///
    /// # Errors
    /// As [`Forge::pulls`].
    fn squash(&self) -> Result<Squash, Error>;
}

/// The forge of a site; `None` where it has no requests that could be asked for.
///
/// # Errors
/// Where no HTTP client can be made.
pub fn forge(site: &Site, token: Option<&Token>) -> Result<Option<Box<dyn Forge>>, Error> {
    let rest = || Rest::new(site, token);
    Ok(match site.kind {
        ForgeKind::Github => Some(Box::new(github::Github::new(rest()?, site))),
        ForgeKind::Gitlab => Some(Box::new(gitlab::Gitlab::new(rest()?, site))),
        ForgeKind::Forgejo | ForgeKind::Gitea => Some(Box::new(gitea::Gitea::new(rest()?, site))),
        ForgeKind::Gerrit => Some(Box::new(gerrit::Gerrit::new(rest()?, site))),
        ForgeKind::None => None,
    })
}
