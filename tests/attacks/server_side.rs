//! Attacks on `fxpd`, by its users and by strangers.
