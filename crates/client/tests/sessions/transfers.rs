//! Files up and down, and what a transfer leaves behind.

use super::*;

#[tokio::test]
async fn files_go_up_and_down_from_where_they_stopped() {
    let (mut session, server) = session(
        "EPSV",
        "C: EPSV\nS: 229 Ok {epsv}\nC: REST 700\nS: 350 Ok\nC: STOR /up\nS: 150 Go\n>: take the rest\nS: 226 Stored\n\
         C: EPSV\nS: 229 Ok {epsv}\nC: REST 0\nS: 350 Ok\nC: RETR /down\nS: 150 Go\n>: give content\nS: 226 Sent\n\
         C: EPSV\nS: 229 Ok {epsv}\nC: RETR /at once\nS: 226 There\n>: give quick",
    )
    .await;
    let open = session.open_upload(&path("/up"), 700).await.unwrap();
    send(open.data, "the rest").await;
    session.finish_transfer(open.request).await.unwrap();
    let open = session.open_download(&path("/down"), 0).await.unwrap();
    assert_eq!(receive(open.data).await, "content");
    session.finish_transfer(open.request).await.unwrap();
    let open = session.open_download(&path("/at once"), 0).await.unwrap();
    assert_eq!(receive(open.data).await, "quick");
    session.finish_transfer(open.request).await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn a_refused_transfer_leaves_the_session_in_step() {
    let (mut session, server) = session(
        "",
        "C: PASV\nS: 227 Ok {pasv}\nC: RETR /a\nS: 550 No such file\n\
         C: PASV\nS: 227 Ok {pasv}\nC: STOR /b\nS: 150 Go\n>: take half\nS: 552 Disk full\n\
         C: PASV\nS: 425 No port left\n\
         C: PASV\nS: 227 Ok {pasv}\nC: RETR /c\nS: 150 Go\nC: ABOR\nS: 426 Aborted\nC: NOOP\nS: 226 Ok\nS: 200 Ok\n\
         C: NOOP\nS: 200 Ok",
    )
    .await;
    let error = session.open_download(&path("/a"), 0).await.unwrap_err();
    assert_eq!(error.to_string(), "RETR /a: 550 No such file");
    let open = session.open_upload(&path("/b"), 0).await.unwrap();
    send(open.data, "half").await;
    let error = session.finish_transfer(open.request).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().code.number(), 552);
    let error = session.open_upload(&path("/c"), 0).await.unwrap_err();
    assert_eq!(error.to_string(), "PASV: 425 No port left");
    let open = session.open_download(&path("/c"), 0).await.unwrap();
    open.data.abandon();
    session.abort_transfer(open.request).await;
    assert!(session.is_usable());
    session.command(Verb::Noop, "").await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn clusters_are_told_what_will_follow() {
    let (mut session, server) = session(
        "PRET EPSV",
        "C: PRET RETR /a\nS: 200 Ok\nC: PASV\nS: 227-Using slave\nS: 227 Ok (127,0,0,1,0,80)",
    )
    .await;
    // Nothing listens at port 80, and nobody goes there.
    assert!(session.open_download(&path("/a"), 0).await.is_err());
    server.done().await;
}

#[tokio::test]
async fn what_a_third_party_copy_left_behind_is_undone() {
    let (mut session, server) = session(
        "SSCN",
        "C: SSCN ON\nS: 200 SSCN:CLIENT METHOD\nC: SSCN OFF\nS: 200 SSCN:SERVER METHOD\n\
         C: PASV\nS: 227 Ok {pasv}\nC: RETR /a\nS: 150 Go\n>: give x\nS: 226 Sent",
    )
    .await;
    session.run(Request::Set(Setting::Role(TlsRole::Client))).await.unwrap();
    let open = session.open_download(&path("/a"), 0).await.unwrap();
    assert_eq!(receive(open.data).await, "x");
    session.finish_transfer(open.request).await.unwrap();
    server.done().await;
}
