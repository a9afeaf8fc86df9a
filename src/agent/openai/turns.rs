//! The loop: a model is asked, its tools are used, and it is asked again with what came of them, until it uses none.

use std::time::Duration;

use serde_json::{Value, json};

use super::Part;
use super::chat::{self, Answer, Call};
use super::endpoint::{Endpoint, Refusal};
use super::hands::Hands;
use super::toolbox;
use crate::agent::told::{Kind, Line, Pulse, Voice, Why};
use crate::env::Env;

/// How often an answer is asked for again that a server had no room for, before the engine is told.
const TRIES: u32 = 3;
/// The longest wait for a server that says how long it wants to be left alone; for a longer one the engine is told.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the same tool may be used in the same way with the same result, in a row.
const REPEATED: u32 = 8;

const SYSTEM: &str = "You are a software engineer who works alone in a Git worktree, without anybody to ask. Use the tools \
to do what you are told, in full: read what you need, change the files, run the tests and commands that show whether it \
works, and go on until it does. Paths are relative to the project's directory; nothing outside of the worktree can be \
written. Leave no process running. When all is done, say in a sentence or two what you did, without using a tool.";

/// A conversation with a model.
pub(super) struct Talk<'a> {
    pub(super) part: &'a Part,
    pub(super) endpoint: Endpoint,
    pub(super) hands: Hands,
    pub(super) env: &'a Env,
    pub(super) voice: Voice,
    messages: Vec<Value>,
    /// Whether the server takes the wish to be told what an answer took.
    tells_usage: bool,
    /// What was done last, and how often in a row.
    last: (String, u32),
    /// The tokens of all answers.
    used: u64,
}

impl<'a> Talk<'a> {
    pub(super) fn new(part: &'a Part, endpoint: Endpoint, hands: Hands, env: &'a Env, prompt: &str) -> Self {
        let messages = vec![json!({"role": "system", "content": SYSTEM}), json!({"role": "user", "content": prompt})];
        let voice = hands.voice;
        Self { part, endpoint, hands, env, voice, messages, tells_usage: true, last: Default::default(), used: 0 }
    }

    /// Goes on until the model says that it is done.
    pub(super) async fn hold(&mut self) -> Result<(), Why> {
        let failed = |why: String| Err(Why::new(Kind::Failed, why));
        let mut silent = false;
        self.voice.say(&super::begins(&self.part.model));
        for turn in 1..=self.part.max_turns {
            let mut answer = self.answer().await?;
            answer.settle(turn);
            self.count(&answer)?;
            self.voice.text(&answer.text);
            self.messages.push(answer.message());
            match (answer.finish.as_deref(), answer.calls.is_empty(), answer.text.trim().is_empty()) {
                (Some("content_filter"), ..) => return failed("the server's filter stopped the answer".to_owned()),
                (_, false, _) => {
                    for call in &answer.calls {
                        self.carry_out(call).await?;
                    }
                    silent = false;
                }
                (Some("length"), true, false) => self.go_on("Your answer was cut off. Go on from where it ended."),
                (_, true, false) => return Ok(()),
                (Some("length"), true, true) if silent => {
                    return failed("its answers were cut off before they began".to_owned());
                }
                (_, true, true) if silent => return failed("it said nothing, twice".to_owned()),
                (_, true, true) => {
                    silent = true;
                    self.go_on("You said nothing. Go on with the tools, or say what you did if all is done.");
                }
            }
        }
        failed(format!("it came to no end in {} turns (`max_turns`)", self.part.max_turns))
    }

    fn go_on(&mut self, word: &str) {
        self.messages.push(json!({"role": "user", "content": word}));
    }

    async fn carry_out(&mut self, call: &Call) -> Result<(), Why> {
        let said = match toolbox::understood(call) {
            Ok(wish) => self.hands.does(&wish).await,
            Err(why) => {
                self.voice.say(&Line::Tool { name: call.name.clone(), what: why.clone() });
                why
            }
        };
        let done = format!("{} {} {said}", call.name, call.arguments);
        self.last = if self.last.0 == done { (done, self.last.1 + 1) } else { (done, 1) };
        if self.last.1 >= REPEATED {
            return Err(Why::new(
                Kind::Failed,
                format!("it repeats itself: `{}` in the same way {REPEATED} times", call.name),
            ));
        }
        self.messages.push(chat::result(call, &said));
        Ok(())
    }

    /// Counts what an answer took.
    fn count(&mut self, answer: &Answer) -> Result<(), Why> {
        match answer.usage {
            Some(usage) => {
                let chat::Usage { input, output, cached } = usage;
                self.used = self.used.saturating_add(input).saturating_add(output);
                self.voice.say(&Line::Tokens { input, output, cached, whole: false });
                Ok(())
            }
            // A limit that nobody counts against would be none.
            None if self.part.tokens.is_some() => Err(Why::new(
                Kind::Failed,
                "its endpoint does not say what an answer took, so that the budget of tokens cannot be kept",
            )),
            None => Ok(()),
        }
    }

    /// One answer; asked for again where the server has no room at the moment, with less where it was too much.
    async fn answer(&mut self) -> Result<Answer, Why> {
        let mut tries = 0;
        loop {
            if self.part.tokens.is_some_and(|most| self.used >= most) {
                // The engine has heard the figures too, and ends this; but no further answer is paid for meanwhile.
                tokio::time::sleep(Duration::from_secs(2)).await;
                return Err(Why::new(Kind::Failed, format!("its {} tokens are used up", self.used)));
            }
            let request = self.request();
            let mut pulse = Pulse::new(self.voice);
            let refusal = match self.endpoint.ask(&request, || pulse.beat()).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            let said = refusal.why.why.as_str();
            let not_understood = matches!(refusal.status, Some(400 | 422));
            if not_understood && self.tells_usage && said.contains("stream_options") {
                self.tells_usage = false;
                continue;
            }
            if chat::is_too_long(said) && chat::shorten(&mut self.messages) {
                self.voice.say(&Line::Result {
                    text: "the conversation was too long: older results are left out".to_owned(),
                });
                continue;
            }
            tries += 1;
            let pause = self.pause(tries, refusal.after);
            if !refusal.why.passes() || tries > TRIES || pause > PATIENCE {
                return Err(self.given_up(refusal));
            }
            self.voice.say(&Line::Waits(refusal.why));
            tokio::time::sleep(pause).await;
        }
    }

    /// What the engine is told of a server that has no room, with when it may.
    fn given_up(&self, refusal: Refusal) -> Why {
        let until = refusal
            .after
            .map(|after| self.env.now().as_second().saturating_add(after.as_secs().try_into().unwrap_or(i64::MAX)));
        Why { until: until.filter(|_| refusal.why.kind == Kind::Busy), ..refusal.why }
    }

    /// How long to wait: as the server says, else longer each time, and never as long as others do.
    fn pause(&self, tries: u32, after: Option<Duration>) -> Duration {
        let lot = self.env.lot().unwrap_or(u64::from(tries)) % 500;
        after.unwrap_or(Duration::from_millis(500 << tries.min(6))) + Duration::from_millis(lot)
    }

    fn request(&self) -> Value {
        let mut request = json!({
            "model": self.part.model,
            "messages": self.messages,
            "tools": toolbox::offered(),
            "stream": true,
        });
        if self.tells_usage {
            request["stream_options"] = json!({"include_usage": true});
        }
        request
    }
}
