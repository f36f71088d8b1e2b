use super::*;
use crate::report::Assurance;
use fxp_proto::grammar::params::DigestKind;

/// Numbers that look like chance, always the same ones.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

fn all_need(destinations: usize, files: usize, each: usize) -> Schedule {
    let mut schedule = Schedule::new(destinations, each);
    for _ in 0..files {
        let file = schedule.add_file(0);
        (1..=destinations).for_each(|place| schedule.need(file, place));
    }
    schedule
}

/// Lets copies end in any order until nothing happens any more; those that `stays` never end. Who brought what.
fn play(
    schedule: &mut Schedule,
    dice: &mut Dice,
    stays: impl Fn(&Job) -> bool,
    fails: impl Fn(&Job) -> Option<Blame>,
) -> Vec<Job> {
    let (mut active, mut brought): (Vec<Job>, Vec<Job>) = (Vec::new(), Vec::new());
    loop {
        while let Some(job) = schedule.next() {
            let is_there = job.holder == SOURCE || schedule.files[job.file].holders.contains(job.holder);
            assert!(is_there, "{job:?}: nobody gives what it has not");
            let twice = |other: &Job| other.file == job.file && other.holder == job.holder && !stays(other);
            assert!(!active.iter().any(twice), "{job:?}: one at a time");
            active.push(job);
        }
        let moving: Vec<usize> = (0..active.len()).filter(|&at| !stays(&active[at])).collect();
        if moving.is_empty() {
            active.iter().for_each(|job| schedule.is_slow(*job));
            match schedule.next() {
                Some(job) => active.push(job),
                None => return brought,
            }
            continue;
        }
        let job = active.swap_remove(moving[dice.below(moving.len())]);
        match fails(&job) {
            None => {
                schedule.done(job);
                brought.push(job);
            }
            Some(blame) => {
                schedule.failed(job, blame);
                if !schedule.is_lost(job.needer) && schedule.is_hopeless(job.needer) {
                    schedule.lose(job.needer);
                }
                schedule.stranded();
            }
        }
    }
}

fn sent_by_source(brought: &[Job], file: usize) -> usize {
    brought.iter().filter(|job| job.file == file && job.holder == SOURCE).count()
}

#[test]
fn the_source_sends_about_log_n_copies_in_whatever_order_they_arrive() {
    let bounds = [1, 2, 2, 3, 3, 3, 3, 4, 4];
    for (destinations, bound) in (1..).zip(bounds) {
        assert_eq!(rounds(destinations), bound);
        for seed in 0..40 {
            let (files, each) = (7, 1 + seed as usize % 4);
            let mut schedule = all_need(destinations, files, each);
            let brought = play(&mut schedule, &mut Dice(seed), |_| false, |_| None);
            assert!(schedule.is_over());
            assert_eq!(brought.len(), files * destinations, "each gets each once");
            for file in 0..files {
                let sent = sent_by_source(&brought, file);
                assert!(sent <= bound, "{destinations} destinations, seed {seed}: {sent} copies");
                let mut got: Vec<usize> =
                    brought.iter().filter(|job| job.file == file).map(|job| job.needer).collect();
                got.sort_unstable();
                assert_eq!(got, (1..=destinations).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn those_who_have_a_file_double_in_each_round() {
    let shown: Vec<String> = [1, 2, 4, 7]
        .map(|destinations| {
            let feeds = Schedule::new(destinations, 1).tree();
            let lines = feeds.iter().map(|(holder, fed)| format!("{holder}>{fed:?}"));
            lines.collect::<Vec<_>>().join(" ")
        })
        .into();
    assert_eq!(shown, ["0>[1]", "0>[1] 1>[2]", "0>[1, 3] 1>[2] 2>[4]", "0>[1, 3, 7] 1>[2, 6] 2>[4] 3>[5]"]);
    for destinations in 1..=9 {
        let fed: usize = Schedule::new(destinations, 1).tree().iter().map(|(_, fed)| fed.len()).sum();
        assert_eq!(fed, destinations);
    }
}

#[test]
fn somebody_slow_lacks_only_its_own_files() {
    for destinations in 2..=9 {
        for slow in 1..=destinations {
            let mut schedule = all_need(destinations, 30, 2);
            let brought = play(&mut schedule, &mut Dice(slow as u64), |job| job.needer == slow, |_| None);
            assert_eq!(brought.len(), 30 * (destinations - 1), "{slow} of {destinations}");
            assert!((0..30).all(|file| sent_by_source(&brought, file) <= rounds(destinations)));
        }
    }
}

#[test]
fn somebody_dead_is_given_up_and_the_others_feed_each_other() {
    for destinations in 2..=9 {
        for dead in 1..=destinations {
            let mut schedule = all_need(destinations, 30, 2);
            let fails = |job: &Job| {
                (job.needer == dead || job.holder == dead).then_some(Blame::Needer { gone: true })
            };
            let brought = play(&mut schedule, &mut Dice(dead as u64), |_| false, fails);
            assert!(schedule.is_over() && schedule.is_lost(dead));
            assert_eq!(brought.len(), 30 * (destinations - 1), "{dead} of {destinations}");
        }
    }
}

#[test]
fn what_one_cannot_bring_another_one_does() {
    // 1 has had all files, and cannot give them to anybody: they come from the source and from each other.
    for blame in
        [Blame::Pair, Blame::PairForEver, Blame::Holder { gone: true }, Blame::Holder { gone: false }]
    {
        let mut schedule = Schedule::new(4, 2);
        for file in 0..20 {
            schedule.add_file(0);
            schedule.hold(file, 1);
            (2..=4).for_each(|place| schedule.need(file, place));
        }
        let brought = play(&mut schedule, &mut Dice(5), |_| false, |job| (job.holder == 1).then_some(blame));
        assert!(schedule.is_over());
        assert_eq!(brought.len(), 60, "{blame:?}");
        assert!((0..20).all(|file| sent_by_source(&brought, file) <= 3));
    }
}

#[test]
fn without_the_source_they_still_have_each_other_and_the_rest_is_given_up() {
    let mut schedule = all_need(3, 10, 2);
    // 2 has half of the files.
    (0..5).for_each(|file| schedule.hold(file, 2));
    (0..5).for_each(|file| {
        schedule.places[2].needs.remove(&file);
    });
    let fails = |job: &Job| (job.holder == SOURCE).then_some(Blame::Holder { gone: true });
    let brought = play(&mut schedule, &mut Dice(1), |_| false, fails);
    assert!(schedule.is_over(), "{schedule:?}");
    assert_eq!(brought.len(), 10, "two destinations get five files each");
}

#[test]
fn two_who_cannot_talk_do_not_wait_for_each_other() {
    let mut schedule = all_need(2, 5, 1);
    schedule.bar(1, 2);
    schedule.bar(2, 1);
    let brought = play(&mut schedule, &mut Dice(3), |_| false, |_| None);
    assert_eq!(brought.len(), 10);
    assert!(brought.iter().all(|job| job.holder == SOURCE));
}

#[test]
fn a_file_that_fails_at_one_destination_is_no_reason_to_give_that_up() {
    let mut schedule = all_need(3, 10, 1);
    let fails =
        |job: &Job| (job.needer == 2 && job.file.is_multiple_of(2)).then_some(Blame::Needer { gone: false });
    let brought = play(&mut schedule, &mut Dice(9), |_| false, fails);
    assert!(schedule.is_over() && !schedule.is_lost(2));
    assert_eq!(brought.len(), 25);
}

/// 2 speaks no PEER and computes no digest; the source does if `ours`, and 1 and 3 do.
fn one_is_legacy(ours: bool, choice: AssuranceChoice) -> Bonds {
    let mut bonds = Bonds::new(4, choice);
    let strength = |from: bool, to: bool| match (from, to) {
        (true, true) => Strength::of(Assurance::Mutual, Some(DigestKind::Sha256)),
        (true, false) => Strength::of(Assurance::Confidential, None),
        (false, true) => Strength::of(Assurance::Authentic, None),
        (false, false) => Strength::of(Assurance::Encrypted, None),
    };
    for needer in 1..=3 {
        bonds.reach(0, needer, strength(ours, needer != 2));
        for holder in (1..=3).filter(|&holder| holder != needer) {
            bonds.between(holder, needer, strength(holder != 2, needer != 2));
        }
    }
    bonds
}

#[test]
fn nobody_brings_a_file_with_less_than_the_source_could() {
    for ours in [true, false] {
        for seed in 0..40 {
            let mut schedule = all_need(3, 20, 2);
            schedule.bonds = one_is_legacy(ours, AssuranceChoice::Best);
            let brought = play(&mut schedule, &mut Dice(seed), |_| false, |_| None);
            assert!(schedule.is_over());
            assert_eq!(brought.len(), 60, "each gets each once");
            // What came to 2 by a way that proves nothing is not made any better by a last part that proves something.
            assert!(brought.iter().all(|job| job.holder != 2), "seed {seed}");
            assert!(
                (0..20).all(|file| sent_by_source(&brought, file) <= 2),
                "the others still feed each other"
            );
        }
    }
    let mut schedule = Schedule::new(3, 1);
    schedule.bonds = one_is_legacy(true, AssuranceChoice::Best);
    assert!(schedule.tree().iter().all(|(holder, _)| *holder != 2), "{:?}", schedule.tree());
}

#[test]
fn where_only_a_weaker_one_is_left_the_file_is_refused_and_it_is_known_who_has_it() {
    let mut schedule = Schedule::new(3, 1);
    schedule.bonds = one_is_legacy(true, AssuranceChoice::Best);
    let file = schedule.add_file(0);
    schedule.hold(file, 2);
    schedule.need(file, 1);
    let job = schedule.next().expect("the source brings it");
    assert_eq!(job.holder, SOURCE);
    assert!(!schedule.failed(job, Blame::PairForEver), "nobody else may");
    assert_eq!(schedule.held_back(file, 1), Some((2, Lack::Proof)));
    assert!(schedule.next().is_none() && schedule.is_over());
}

#[test]
fn what_the_user_has_named_is_enough() {
    let mut bonds = one_is_legacy(true, AssuranceChoice::Encrypted);
    let less = Strength::of(Assurance::Encrypted, Some(DigestKind::Sha256));
    bonds.reach(0, 2, less);
    bonds.between(2, 1, less);
    let mut schedule = Schedule::new(3, 1);
    schedule.bonds = bonds;
    let file = schedule.add_file(0);
    schedule.hold(file, 2);
    schedule.need(file, 1);
    let first = schedule.next().expect("somebody brings it");
    assert_eq!(first.holder, SOURCE, "more is better where both have time");
    assert!(schedule.failed(first, Blame::PairForEver), "less is enough");
    assert_eq!(schedule.next().map(|job| job.holder), Some(2));
}

#[test]
fn a_copy_that_came_with_less_than_was_promised_is_passed_on_to_nobody_who_was_promised_more() {
    let promised = Strength::of(Assurance::Mutual, Some(DigestKind::Sha256));
    for (came, holder) in [(promised, 1), (Strength::of(Assurance::Mutual, None), SOURCE)] {
        let mut schedule = Schedule::new(3, 1);
        (1..=3).for_each(|place| schedule.bonds.reach(0, place, promised));
        let file = schedule.add_file(0);
        schedule.need(file, 1);
        let job = schedule.next().expect("the source brings it");
        schedule.came(job, came);
        schedule.done(job);
        schedule.need(file, 2);
        assert_eq!(schedule.next().map(|job| job.holder), Some(holder));
    }
}
