//! Copies that were made so soon after their source's time that it may have been changed once more in the same minute.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use sqlx::sqlite::SqliteConnection;

use crate::times::{FARTHEST, QUARTER, SKEW};

/// What stands for a final name in a set of very many.
pub fn mark(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// The marks of those beneath `place`. A few too many cost a question each, so clocks may be wrong, and a time to
/// the minute, which comes from LIST, may be told in any zone: then whole quarters of an hour lie between it and ours.
pub(super) async fn of_place(reader: &mut SqliteConnection, place: &str) -> sqlx::Result<HashSet<u64>> {
    // What lies beneath begins with a slash, and `0` is the character behind that. Days are always asked about.
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT destination FROM file
         WHERE destination > ?1 || '/' AND destination < ?1 || '0' AND state = 'done' AND exact > 0
         AND (at - modified < ?2 OR (exact = 1 AND at - modified < ?3 AND (at - modified + ?4) % ?5 < ?2 + ?4))",
    )
    .bind(place)
    .bind(MINUTE + SKEW)
    .bind(FARTHEST)
    .bind(SKEW)
    .bind(QUARTER)
    .fetch_all(reader)
    .await?;
    Ok(names.iter().map(|name| mark(name)).collect())
}

const MINUTE: i64 = 60;
