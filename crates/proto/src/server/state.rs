//! What a session remembers between two commands.

use std::collections::VecDeque;
use std::sync::Arc;

use super::effect::{Effect, EffectId, FactSet, Failure, FailureKind, Slot, SlotId};
use super::machine::{Action, Endpoints, Settings};
use super::pending::{Running, Then};
use super::replies;
use crate::grammar::addr::HostPort;
use crate::grammar::params::{DigestKind, ParameterError, Protection, TlsRole, TransferType};
use crate::grammar::peer::{PeerKey, PeerProof};
use crate::grammar::rate::RateLimit;
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::moment::Moment;
use crate::path::VPath;
use crate::wire::text::Text;

/// One control connection: what the commands read and change.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) settings: Arc<Settings>,
    pub(super) endpoints: Endpoints,
    pub(super) phase: Phase,
    /// The time of the latest call that told it.
    pub(super) now: Moment,
    /// When the login timeout began.
    pub(super) stranger_since: Moment,
    /// The control connection is inside TLS.
    pub(super) secured: bool,
    /// Failed logins on this connection; neither AUTH nor REIN forgets them.
    pub(super) failed_logins: u32,
    /// Replies in a row that said "that was no sensible command".
    pub(super) errors: u32,
    /// What AUTH and REIN forget.
    pub(super) memory: Memory,
    /// The command that is being served.
    verb: Verb,
    running: Option<Running>,
    actions: VecDeque<Action>,
    last_effect: u64,
    last_slot: u64,
}

/// ```text
///        AUTH                 QUIT, 421, end of the connection
/// Open -------> Securing      Open, Securing ------> Closed
///      <-------
///      handshake done
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Lines are served.
    Open,
    /// The TLS handshake runs; lines that come meanwhile were sent in clear and are dropped.
    Securing,
    /// Over.
    Closed,
}

/// What AUTH and REIN forget: everything the client has said so far.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) user: User,
    /// HOST.
    pub(super) host: Option<Text>,
    pub(super) directory: VPath,
    /// TYPE.
    pub(super) kind: TransferType,
    /// PBSZ was given.
    pub(super) buffer_size_given: bool,
    /// PROT.
    pub(super) protection: Protection,
    /// SSCN.
    pub(super) role: TlsRole,
    /// PEER: what the other end of file transfers must prove.
    pub(super) peer: Option<PeerProof>,
    /// The user may have other servers as peers.
    pub(super) foreign_peers: bool,
    /// RATE: how fast files may be transferred.
    pub(super) rate: Option<RateLimit>,
    /// CEPR: 229 names the address.
    pub(super) full_epsv: bool,
    /// EPSV ALL: no other address command may come.
    pub(super) only_epsv: bool,
    /// REST or RANG.
    pub(super) span: Span,
    /// The data connection that was prepared.
    pub(super) slot: Option<Slot>,
    /// RNFR.
    pub(super) rename: Option<VPath>,
    /// OPTS HASH.
    pub(super) digest: DigestChoice,
    /// OPTS MLST.
    pub(super) facts: FactSet,
}

/// Who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum User {
    /// Nobody yet.
    #[default]
    Stranger,
    /// USER was given, PASS is awaited.
    Named(Text),
    /// Logged in.
    In(Text),
}

/// Which part of the file the next transfer or HASH is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Span {
    /// All of it.
    #[default]
    Whole,
    /// REST: from this byte on.
    From(u64),
    /// RANG: from the first to the second byte, inclusive.
    Range(u64, u64),
}

impl Span {
    /// First byte, and last byte if one was named.
    pub(super) fn bounds(self) -> (u64, Option<u64>) {
        match self {
            Span::Whole => (0, None),
            Span::From(start) => (start, None),
            Span::Range(start, end) => (start, Some(end)),
        }
    }
}

/// HASH's algorithm; SHA-256 until OPTS HASH chooses another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DigestChoice(pub(super) DigestKind);

impl DigestChoice {
    /// The parameter of HASH in FEAT: all algorithms, the chosen one with an asterisk.
    pub(super) fn features(self) -> String {
        let starred = |kind: DigestKind| format!("{}{};", kind.name(), if kind == self.0 { "*" } else { "" });
        DigestKind::ALL.into_iter().map(starred).collect()
    }
}

impl Default for DigestChoice {
    fn default() -> Self {
        DigestChoice(DigestKind::Sha256)
    }
}

impl Session {
    pub(super) fn new(settings: Arc<Settings>, endpoints: Endpoints, now: Moment) -> Self {
        Session {
            settings,
            endpoints,
            phase: Phase::Open,
            now,
            stranger_since: now,
            secured: endpoints.secured,
            failed_logins: 0,
            errors: 0,
            memory: Memory::default(),
            verb: Verb::Noop,
            running: None,
            actions: VecDeque::new(),
            last_effect: 0,
            last_slot: 0,
        }
    }

    // ---- answers ----

    /// Sends a reply.
    pub(super) fn answer(&mut self, reply: Reply) {
        match reply.code.number() {
            500..=504 | 530 => self.errors = self.errors.saturating_add(1),
            200..=399 => self.errors = 0,
            _ => {}
        }
        self.act(Action::Reply(reply));
    }

    /// Sends a reply of one line; bytes that cannot stand in a line become `?`.
    pub(super) fn say(&mut self, code: u16, text: impl Into<Vec<u8>>) {
        self.answer(Reply::new(code, Text::lossy(text)));
    }

    /// Refuses an argument: the syntax from the table where that is what is wrong.
    pub(super) fn refuse(&mut self, error: ParameterError) {
        match error {
            ParameterError::Syntax => self.answer(replies::syntax(self.verb)),
            _ => self.say(error.code(), error.to_string()),
        }
    }

    /// Sends the reply that tells of a failed effect.
    pub(super) fn fail(&mut self, verb: Verb, failure: &Failure) {
        let reply = replies::failed(verb, failure);
        match failure.kind {
            FailureKind::TooMany => self.close(reply),
            _ => self.answer(reply),
        }
    }

    /// Sends a last reply and closes.
    pub(super) fn close(&mut self, last: Reply) {
        self.answer(last);
        self.hang_up();
    }

    /// Closes without a word.
    pub(super) fn hang_up(&mut self) {
        self.phase = Phase::Closed;
        self.act(Action::Close);
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    // ---- effects ----

    /// Says which command is being served, for the effects that it starts.
    pub(super) fn serve(&mut self, verb: Verb) {
        self.verb = verb;
    }

    /// Starts an effect; `then` turns its outcome into a reply.
    pub(super) fn start(&mut self, effect: Effect, then: Then) {
        let id = self.new_effect();
        self.running = Some(Running { id, verb: self.verb, then });
        self.act(Action::Do(id, effect));
    }

    pub(super) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Running> {
        self.running.as_mut()
    }

    /// True if `id` is the running effect: one that was cancelled is nobody's any more.
    pub(super) fn is_running(&self, id: EffectId) -> bool {
        self.running.as_ref().is_some_and(|running| running.id == id)
    }

    /// Ends the running effect, if it is `id`.
    pub(super) fn ended(&mut self, id: EffectId) -> Option<Running> {
        self.running.take_if(|running| running.id == id)
    }

    /// Cancels the running effect.
    pub(super) fn cancel(&mut self) -> Option<Running> {
        let running = self.running.take()?;
        self.act(Action::Cancel(running.id));
        Some(running)
    }

    fn new_effect(&mut self) -> EffectId {
        self.last_effect += 1;
        EffectId(self.last_effect)
    }

    // ---- data slots ----

    /// A slot as PROT, SSCN and PEER stand now; the one before it is gone.
    pub(super) fn new_slot(&mut self, role: TlsRole, target: Option<HostPort>) -> Slot {
        self.drop_slot();
        self.last_slot += 1;
        Slot {
            id: SlotId(self.last_slot),
            verb: self.verb,
            protection: self.memory.protection,
            role,
            target,
            peer: self.memory.peer.clone(),
        }
    }

    /// Forgets the prepared data connection: something changed that it was made under.
    pub(super) fn drop_slot(&mut self) {
        if let Some(slot) = self.memory.slot.take() {
            let id = self.new_effect();
            self.act(Action::Do(id, Effect::Release(slot.id)));
        }
    }

    /// Another key is awaited on the prepared data connection.
    pub(super) fn rekey(&mut self, slot: SlotId, key: PeerKey) {
        let id = self.new_effect();
        self.act(Action::Do(id, Effect::Rekey(slot, key)));
    }

    // ---- who is there ----

    pub(super) fn is_logged_in(&self) -> bool {
        matches!(self.memory.user, User::In(_))
    }

    /// Forgets everything that was said (AUTH, REIN). The time of a stranger runs on: else one who says
    /// REIN once a minute never had to log in.
    pub(super) fn forget(&mut self) {
        if self.is_logged_in() {
            self.stranger_since = self.now;
        }
        self.drop_slot();
        self.memory = Memory::default();
    }

    /// Forgets the user, the data connection prepared for them, the peers introduced to them and their
    /// ceiling of speed; transfer parameters stay (RFC 959, 4.1.1 USER).
    pub(super) fn change_user(&mut self, user: User) {
        if self.is_logged_in() {
            self.stranger_since = self.now;
        }
        self.drop_slot();
        self.memory.peer = None;
        self.memory.foreign_peers = false;
        // Its group is one of the user's.
        self.memory.rate = None;
        self.memory.user = user;
        self.memory.directory = VPath::root();
        self.memory.rename = None;
        self.memory.span = Span::Whole;
    }
}
