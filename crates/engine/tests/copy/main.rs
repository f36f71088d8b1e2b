//! The engine against real servers in this process: what a user sees of a copy when all goes well, and
//! when something does not.
#![forbid(unsafe_code)]

mod again;
mod cable;
mod convoys;
mod directories;
mod doctor;
mod faults;
mod front;
mod happy;
mod headway;
mod lanes;
mod leaving;
mod legacy;
mod links;
mod moves;
mod obstructed;
mod ours;
mod proof;
mod refusals;
mod speed;
mod spread;
mod trouble;
mod trust;
mod weather;
mod world;
