//! A destination that listens for a file which the source has refused is woken up, rather than left with its session.

use super::super::knock;
use super::track::What;
use super::{Action, Convoy};
use crate::grammar::addr::HostPort;
use crate::moment::Moment;
use crate::pair::leg::Leg;

impl Convoy {
    /// True if the destination waits for file `number` and can be woken.
    pub(super) fn wakes(&self, number: u64) -> bool {
        self.knock_at(number).is_some()
    }

    /// Wakes the destination, whose hanging transfer is the first that it will answer. False if it has to be cut off.
    pub(super) fn wake(&mut self, leg: Leg, now: Moment) -> bool {
        let first = self.destination.asked.front().filter(|asked| asked.what == What::Transfer);
        let Some(number) = first.map(|asked| asked.number).filter(|_| leg == Leg::Destination) else {
            return false;
        };
        if self.knocked == Some(number) {
            return true;
        }
        let Some(address) = self.knock_at(number) else { return false };
        self.knocked = Some(number);
        self.actions.push_back(Action::Knock(address));
        let soon = now + self.road.limits.cleanup;
        self.patience = Some(self.patience.map_or(soon, |patience| patience.min(soon)));
        true
    }

    fn knock_at(&self, number: u64) -> Option<HostPort> {
        let waits = self.destination.transfer_of(number).is_some_and(|asked| !asked.begun);
        let (_, told) =
            self.listener.filter(|(of, _)| *of == number && self.spurned == Some(number) && waits)?;
        knock::address(Leg::Destination, &self.road.destination, &self.road.method, Some(told))
    }
}
