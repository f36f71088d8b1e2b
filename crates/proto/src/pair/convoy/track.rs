//! One leg's part of a convoy: what is still to be asked, and what was asked, in the order in which it is
//! answered.

use std::collections::VecDeque;

use crate::client::manners::Queueing;
use crate::client::request::{Request, RequestId};
use crate::grammar::verb::Verb;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// TYPE, PROT, SSCN, PEER EXPECT: once, before the first file. The flag says that a refusal matters.
    Prepare { needed: bool },
    /// PEER KEY.
    Introduce,
    /// PRET.
    Announce,
    /// PASV, EPSV, CPSV.
    Listen,
    /// PORT, EPRT.
    Connect,
    /// MDTM before the file is read.
    TimeBefore,
    /// STOR, RETR.
    Transfer,
    /// MDTM after the file was read.
    TimeAfter,
    /// SIZE.
    Size,
    /// HASH and its kin.
    Digest,
    /// MFMT and its kin.
    SetTime,
    /// RNFR.
    RenameFrom,
    /// RNTO.
    RenameTo,
    /// DELE of what was moved.
    Delete,
    /// ABOR.
    Abort,
}

/// Something to ask.
#[derive(Debug)]
pub(super) struct Ask {
    /// The file that it is about; 0 for none.
    pub(super) number: u64,
    pub(super) what: What,
    pub(super) request: Request,
}

/// Something that was asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// `None` until the driver has told it.
    pub(super) id: Option<RequestId>,
    pub(super) number: u64,
    pub(super) what: What,
    pub(super) verb: Option<Verb>,
    /// A 1yz came.
    pub(super) begun: bool,
}

/// One leg's part.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) queueing: Queueing,
    pub(super) script: VecDeque<Ask>,
    pub(super) asked: VecDeque<Asked>,
    /// A transfer was sent in an earlier write.
    pub(super) sealed: bool,
    /// False once nobody knows what the session's next reply will answer.
    pub(super) usable: bool,
}

impl Track {
    pub(super) fn new(queueing: Queueing) -> Self {
        Track { queueing, script: VecDeque::new(), asked: VecDeque::new(), sealed: false, usable: true }
    }

    /// True if the server bears what comes next in the script.
    pub(super) fn may_ask(&self) -> bool {
        let Some(next) = self.script.front() else { return false };
        if self.asked.is_empty() {
            return true;
        }
        let alone = |what| matches!(what, What::Prepare { .. });
        let transfers = self.asked.iter().any(|asked| asked.what == What::Transfer);
        // As the session's machine has it, too: some connect at once, and answer after what came behind.
        let aims = self.asked.iter().any(|asked| asked.what == What::Connect);
        let settings = alone(next.what) || self.asked.iter().any(|asked| alone(asked.what));
        let bears_next = match next.what {
            What::Transfer => self.queueing >= Queueing::UpToTransfer,
            _ => self.queueing >= Queueing::Small,
        };
        let aimed = !aims || self.queueing >= Queueing::UpToTransfer;
        let bears_transfer = match self.queueing {
            Queueing::Always => true,
            Queueing::WithTransfer => !self.sealed,
            _ => false,
        };
        bears_next && aimed && !settings && (!transfers || bears_transfer)
    }

    /// Notes what is being asked.
    pub(super) fn push(&mut self, asked: Asked) {
        if !self.asked.iter().any(|asked| asked.what == What::Transfer) {
            self.sealed = false;
        }
        self.asked.push_back(asked);
    }

    /// What was asked so far has left, or is about to.
    pub(super) fn seal(&mut self) {
        self.sealed = self.asked.iter().any(|asked| asked.what == What::Transfer);
    }

    /// Takes out what request `id` was.
    pub(super) fn take(&mut self, id: RequestId) -> Option<Asked> {
        let at = self.asked.iter().position(|asked| asked.id == Some(id))?;
        self.asked.remove(at)
    }

    /// The files whose transfers were asked for and have not ended.
    pub(super) fn transfers(&self) -> impl Iterator<Item = u64> {
        self.asked.iter().filter(|asked| asked.what == What::Transfer).map(|asked| asked.number)
    }

    /// True if the transfer of file `number` is still to be asked for.
    pub(super) fn is_to_transfer(&self, number: u64) -> bool {
        self.script.iter().any(|ask| ask.number == number && ask.what == What::Transfer)
    }

    /// True if the server still works for this convoy, or has to.
    pub(super) fn is_busy(&self) -> bool {
        self.usable && !(self.asked.is_empty() && self.script.is_empty())
    }

    /// The transfer of file `number`, if it was asked for and has not ended.
    pub(super) fn transfer_of(&self, number: u64) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.number == number && asked.what == What::Transfer)
    }

    /// Files whose source is to be deleted, and that nothing was heard of yet.
    pub(super) fn partings(&self) -> Vec<u64> {
        let asked = self.asked.iter().map(|asked| (asked.number, asked.what));
        let planned = self.script.iter().map(|ask| (ask.number, ask.what));
        asked.chain(planned).filter(|(_, what)| *what == What::Delete).map(|(number, _)| number).collect()
    }

    /// Nothing more is asked about file `number`.
    pub(super) fn forget(&mut self, number: u64) {
        self.script.retain(|ask| ask.number != number);
    }
}
