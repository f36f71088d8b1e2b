//! Attacks on data connections whose ends prove who they are (PEER), and on those of today that do not.
