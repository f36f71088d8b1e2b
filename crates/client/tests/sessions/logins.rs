//! Logging in, and how it fails.

use super::*;

#[tokio::test]
async fn a_login_tells_what_the_server_is_and_a_transcript_tells_no_secret() {
    let server = Server::play(&(login("SIZE") + "C: QUIT\nS: 221 Bye"), None).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let recorder = {
        let lines = lines.clone();
        Arc::new(move |line: fxp_client::transcript::Line| lines.lock().unwrap().push(line.text))
    };
    let session = connect(&target(&server), &environment(), Some(recorder)).await.unwrap();
    assert_eq!(session.facts().home, path("/home"));
    assert!(session.facts().features.has("SIZE"));
    assert_eq!(session.peer_addr(), server.address);
    session.quit().await;
    server.done().await;
    let lines = lines.lock().unwrap().join("\n");
    assert!(lines.contains("PASS ****") && lines.contains("230 In"), "{lines}");
    assert!(!lines.contains("secret"), "{lines}");
}

#[tokio::test]
async fn a_login_that_fails_says_why() {
    let failed = async |script: &str, tls| {
        let server = Server::play(script, None).await;
        let target = Target { tls, ..target(&server) };
        connect(&target, &environment(), None).await.unwrap_err()
    };
    let error = failed("S: 421 Too many of you", LoginTls::Off).await;
    assert_eq!(error.to_string(), "127.0.0.1 refused the connection: Too many of you");
    let error = failed("S: 220 Hi\nC: USER anna\nS: 331 P\nC: PASS secret\nS: 530 No", LoginTls::Off).await;
    assert_eq!(error.to_string(), "127.0.0.1 refused PASS ****: No");
    let error = failed("S: 220 Hi\nC: AUTH TLS\nS: 502 What?", LoginTls::Require).await;
    assert_eq!(error.to_string(), "127.0.0.1 offers no TLS (AUTH TLS: 502 What?)");
    let error = failed("S: 220 Hi\nC: AUTH TLS\nS: 421 Too many of you", LoginTls::Require).await;
    assert_eq!(error.to_string(), "127.0.0.1 refused AUTH TLS: Too many of you");
    let error = failed("S: 220 Hi\nC: USER anna\n>: hang up", LoginTls::Off).await;
    assert!(matches!(error, ConnectError::Gone { what: "closed the connection", .. }), "{error}");
    let error = failed("S: SSH-2.0-OpenSSH", LoginTls::Off).await;
    assert!(matches!(error, ConnectError::Gone { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_never_greets_is_given_up() {
    let server = Server::play("C: something that never comes", None).await;
    let impatient = Environment { timeout: Duration::from_millis(50), ..environment() };
    let error = connect(&target(&server), &impatient, None).await.unwrap_err();
    assert!(matches!(error, ConnectError::Gone { what: "did not answer", .. }), "{error}");
}

#[tokio::test]
async fn nobody_listens() {
    let server = Server::play("S: 220 Hi", None).await;
    let target = target(&server);
    drop(tokio::net::TcpStream::connect(server.address).await.unwrap());
    server.done().await;
    let error = connect(&target, &environment(), None).await.unwrap_err();
    assert!(matches!(error, ConnectError::Network { .. }), "{error}");
}

#[tokio::test]
async fn a_known_server_gets_the_login_in_one_flight() {
    let script = "S: 220 Hello\nC: USER anna\nC: PASS secret\nC: FEAT\nC: SYST\nC: OPTS UTF8 ON\nC: TYPE I\nC: PWD\n\
                  S: 331 Password\nS: 230 In\nS: 211-Features\nS:  UTF8\nS: 211 End\nS: 215 UNIX\nS: 200 Ok\nS: 200 Ok\n\
                  S: 257 \"/home\"";
    let server = Server::play(script, None).await;
    let environment = environment();
    let swift = Some(Expected { clnt: false, utf8: true });
    let session = connect(&Target { swift, ..target(&server) }, &environment, None).await.unwrap();
    assert!(session.facts().features.has("UTF8"));
    assert_eq!((session.facts().home.clone(), environment.meter.flights()), (path("/home"), 1));
    server.done().await;
}
