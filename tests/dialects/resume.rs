//! Parts on servers that compute no digests: what each `--resume` does with them, what it says, and what is sent.

use fxp_testkit::daemon::Setup;
use fxp_testkit::data;
use fxp_testkit::dialect::products::ORDINARY;

use crate::fxp::Ran;
use crate::stage::Stage;

/// The file, and what a copy that was killed has left of it.
const WHOLE: u64 = 700_001;
const PART: u64 = 400_000;

/// Two servers without digests, and a part of which nothing is noted anywhere, as kill -9 leaves it.
fn stage() -> Stage {
    let stage = Stage::new(Some(&ORDINARY), Some(&ORDINARY), Setup::PLAIN);
    let whole = std::fs::read(stage.source.root().join("tree/one")).expect("the file");
    assert_eq!(whole.len() as u64, WHOLE);
    let part = &whole[..usize::try_from(PART).expect("small")];
    std::fs::write(stage.destination.root().join("one.fxp-part"), part).expect("a part");
    stage
}

fn copy(stage: &Stage, resume: Option<&str>) -> Ran {
    let (from, to) = (stage.source.url("tree/one"), stage.destination.url("one"));
    let policy = resume.map(|resume| format!("--resume={resume}"));
    let fixed = ["--json", "--tls", "off", "cp", "--via", "direct"];
    let arguments = fixed.into_iter().chain(policy.as_deref()).chain([from.as_str(), to.as_str()]);
    stage.fxp.run(arguments)
}

#[test]
fn each_policy_sends_what_it_says() {
    // The policy, what is sent, what is said.
    let rows = [
        (
            Some("trust"),
            WHOLE - PART,
            "resumed after 400000 bytes, which could not be compared (--resume trust)",
        ),
        (
            Some("prove"),
            WHOLE,
            "nobody computes a digest of the 400000 bytes that were there, and --resume prove wants one",
        ),
        (Some("never"), WHOLE, "begun anew, as --resume never wants: 400000 bytes were there"),
        (None, WHOLE, "no orderly end of an earlier copy has left them (--resume trust believes them)"),
    ];
    for (resume, sent, said) in rows {
        let stage = stage();
        let ran = copy(&stage, resume);
        assert_eq!(ran.code, 0, "{resume:?}: {}", stage.explain(&ran));
        assert_eq!(stage.destination.peer().received(), sent, "{resume:?}: {}", stage.explain(&ran));
        let original = data::sha256(&stage.source.root().join("tree/one")).expect("read");
        assert_eq!(data::sha256(&stage.destination.root().join("one")).ok(), Some(original), "{resume:?}");
        assert!(!stage.destination.root().join("one.fxp-part").exists(), "{resume:?}");
        let done = ran.events().into_iter().find(|event| event["event"] == "done").expect("done");
        assert_eq!(done["resumed"], WHOLE - sent, "{resume:?}: {done}");
        assert!(done["notes"].to_string().contains(said), "{resume:?}: {done}");
        // It is told when it is decided, and not only at the end.
        let told = ran.events().iter().any(|event| {
            event["event"] == "fallback" && event["text"].as_str().is_some_and(|text| text.contains(said))
        });
        assert!(told, "{resume:?}: {}", stage.explain(&ran));
    }
}
