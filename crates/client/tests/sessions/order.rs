//! Replies in their order: what is broken off, lost, out of turn, or sent together.

use super::*;

#[tokio::test]
async fn nothing_is_lost_when_waiting_is_broken_off() {
    let (mut session, server) =
        session("", "C: NOOP\n>: drip 200 Slowly, byte by byte\nC: NOOP\n>: drip 200 And again").await;
    for words in ["Slowly, byte by byte", "And again"] {
        let id = session.ask(Request::Command(Command::bare(Verb::Noop)));
        let (done, answer) = loop {
            tokio::select! {
                biased;
                event = session.event() => match event {
                    SessionEvent::Done(done, answer) => break (done, answer),
                    other => panic!("{other:?}"),
                },
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(done, id);
        assert!(matches!(answer, Answer::Reply(reply) if reply.text().to_string() == words));
    }
    server.done().await;
}

#[tokio::test]
async fn a_lost_connection_ends_everything() {
    let (mut session, server) = session("", "C: NOOP\n>: hang up").await;
    let error = session.command(Verb::Noop, "").await.unwrap_err();
    assert!(matches!(&error, SessionError::Lost { during } if during == "NOOP"), "{error}");
    assert!(!session.is_usable() && !session.is_alive());
    assert!(matches!(session.event().await, SessionEvent::Lost));
    assert!(matches!(session.command(Verb::Noop, "").await, Err(SessionError::Lost { .. })));
    session.quit().await;
    server.done().await;
}

#[tokio::test]
async fn a_reply_out_of_turn_ends_the_session() {
    let (mut session, server) = session("", "C: NOOP\nS: 200 Ok\nS: 200 And another").await;
    session.command(Verb::Noop, "").await.unwrap();
    server.done().await;
    // It has arrived by now, and is not taken for the answer to the next command.
    assert!(session.command(Verb::Noop, "").await.is_err());
    assert!(!session.is_usable() && session.is_out_of_step());
}

#[tokio::test]
async fn a_server_that_hangs_up_or_takes_its_leave_is_not_out_of_step() {
    let paths = ["/a", "/b"].map(path);
    for end in [">: hang up", "S: 421 Bye"] {
        let script = format!("C: MKD /a\nC: MKD /b\nS: 257 \"/a\"\n{end}");
        let (mut session, server) = session("", &script).await;
        session.make_directories(&paths, Queueing::Small).await;
        assert!(!session.is_usable() && !session.is_out_of_step(), "{end}");
        server.done().await;
    }
}

#[tokio::test]
async fn two_commands_in_one_write_are_answered_or_the_server_does_not_bear_them() {
    let (mut session, server) =
        session("", "C: NOOP\nC: NOOP\nS: 200 One\nS: 200 Two\nC: SYST\nS: 215 UNIX").await;
    assert!(session.answers_two_at_once().await);
    assert!(session.command(Verb::Syst, "").await.is_ok(), "in step");
    server.done().await;

    let only_one = "C: NOOP\nC: NOOP\nS: 200 One\n>: hang up";
    let (mut session, server) = self::session("", only_one).await;
    assert!(!session.answers_two_at_once().await && !session.is_usable());
    server.done().await;
}

#[tokio::test]
async fn directories_are_made_together_where_the_server_bears_it() {
    let paths = ["/a", "/a/b", "/f", "/c"].map(path);
    let script = "C: MKD /a\nC: MKD /a/b\nC: MKD /f\nC: MKD /c\n\
                  S: 257 \"/a\"\nS: 550 It is there\nS: 550 In the way\nS: 257 \"/c\"\n\
                  C: CWD /a/b\nS: 250 Ok\nC: CWD /f\nS: 550 Not a directory";
    let (mut session, server) = session("", script).await;
    let made = session.make_directories(&paths, Queueing::Small).await;
    let told: Vec<_> = made.iter().map(|made| made.as_ref().err().map(ToString::to_string)).collect();
    assert_eq!(told, [None, None, Some("MKD /f: 550 In the way".to_owned()), None]);
    server.done().await;

    // One after the other where it does not, and a server that hangs up has made what it said.
    let script = "C: MKD /a\nS: 257 \"/a\"\nC: MKD /a/b\n>: hang up";
    let (mut session, server) = self::session("", script).await;
    let made = session.make_directories(&paths, Queueing::None).await;
    assert!(made[0].is_ok() && made[1..].iter().all(|made| matches!(made, Err(SessionError::Lost { .. }))));
    server.done().await;
}

#[tokio::test]
async fn what_leaves_together_is_one_flight() {
    let script = "C: NOOP\nC: NOOP\nS: 200 One\nS: 200 Two";
    let server = Server::play(&(login("") + script), None).await;
    let environment = environment();
    let mut session = connect(&target(&server), &environment, None).await.unwrap();
    // USER, PASS, FEAT, SYST, TYPE, PWD: each waits for its reply.
    assert_eq!(environment.meter.flights(), 6);
    assert!(session.answers_two_at_once().await);
    assert_eq!(environment.meter.flights(), 7);
    server.done().await;
}
