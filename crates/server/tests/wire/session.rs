//! Logging in, looking about, changing things: everything without the subtleties of data connections.

use fxp_server::config::user::{Anonymous, Upload};
use fxp_store::account::Rights;

use crate::world::World;

#[tokio::test]
async fn a_user_logs_in_and_stores_and_fetches_a_file() {
    let world = World::new();
    let mut client = world.connect().await;
    client.expect("PWD", "530").await;
    client.expect("USER alice", "331").await;
    client.expect("PASS wrong", "530").await;
    client.expect("USER nobody", "331").await;
    client.expect("PASS open sesame", "530").await;
    client.log_in().await;
    assert!(client.upload("STOR a.txt", b"hello").await.starts_with("226"));
    assert_eq!(world.files.read("/a.txt").unwrap(), b"hello");
    assert_eq!(client.download("RETR a.txt").await, b"hello");
    client.expect("QUIT", "221").await;
    assert_eq!(client.reply().await, "", "the connection is closed");
}

#[tokio::test]
async fn wrong_users_and_wrong_passwords_look_alike() {
    let world = World::new();
    let mut client = world.connect().await;
    let mut answers = Vec::new();
    for name in ["alice", "nobody"] {
        answers.push(client.ask(&format!("USER {name}\nPASS wrong")).await);
        answers.push(client.reply().await);
    }
    assert_eq!(answers[0].replace("alice", ""), answers[2].replace("nobody", ""));
    assert_eq!(answers[1], answers[3]);
    assert!(answers[1].starts_with("530"));
}

#[tokio::test]
async fn too_many_wrong_passwords_end_the_connection() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.login_attempts = 2;
        config
    });
    let mut client = world.connect().await;
    client.expect("USER alice", "331").await;
    client.expect("PASS wrong", "530").await;
    client.expect("USER alice", "331").await;
    let last = client.ask("PASS wrong").await;
    assert!(last.starts_with("421") || client.reply().await.starts_with("421"), "{last}");
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn names_are_made_renamed_described_and_deleted() {
    let world = World::new();
    world.files.put("/old.txt", b"12345").unwrap();
    let mut client = world.client().await;
    client.expect("MKD sub", "257").await;
    client.expect("MKD sub", "550").await;
    client.expect("CWD sub", "250").await;
    assert!(client.expect("PWD", "257").await.contains("\"/sub\""));
    client.expect("CDUP", "2").await;
    client.expect("RNFR old.txt", "350").await;
    client.expect("RNTO sub/new.txt", "250").await;
    assert_eq!(client.expect("SIZE sub/new.txt", "213").await, "213 5");
    client.expect("MFMT 20240229123456 sub/new.txt", "213").await;
    assert_eq!(client.expect("MDTM sub/new.txt", "213").await, "213 20240229123456");
    let facts = client.expect("MLST sub/new.txt", "250").await;
    for fact in ["type=file;", "size=5;", "modify=20240229123456;", "perm="] {
        assert!(facts.contains(fact), "{fact} is not in {facts}");
    }
    client.expect("SITE CHMOD 600 sub/new.txt", "200").await;
    assert!(client.expect("MLST sub/new.txt", "250").await.contains("UNIX.mode=0600;"));
    client.expect("SITE SYMLINK new.txt sub/link", "200").await;
    client.expect("SIZE sub/link", "213").await;
    client.expect("RMD sub", "550").await;
    client.expect("DELE sub/link", "250").await;
    client.expect("DELE sub/new.txt", "250").await;
    client.expect("DELE sub/new.txt", "550").await;
    client.expect("RMD sub", "250").await;
    client.expect("CWD sub", "550").await;
    client.expect("AVBL", "213").await;
}

#[tokio::test]
async fn digests_of_files_and_ranges() {
    let world = World::new();
    world.files.put("/a", b"hello world").unwrap();
    let mut client = world.client().await;
    let sha256 = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    for (command, expected) in [
        ("HASH a", sha256),
        ("XSHA256 a", sha256),
        ("XSHA1 a", "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"),
        ("XMD5 a", "5eb63bbbe01eeed093cb22bb8f5acdc3"),
        ("XCRC a", "0d4a1185"),
        ("XCRC a 0 5", "3610a686"),
        (
            "XSHA512 a",
            "309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f",
        ),
    ] {
        let reply = client.expect(command, "2").await.to_lowercase();
        assert!(reply.contains(expected), "{command}: {reply}");
    }
    client.expect("RANG 0 4", "350").await;
    assert!(
        client
            .expect("HASH a", "213")
            .await
            .contains("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    );
    client.expect("XSHA256 missing", "550").await;
    client.expect("MKD d", "257").await;
    client.expect("HASH d", "55").await;
}

#[tokio::test]
async fn parts_are_joined_and_gone() {
    let world = World::new();
    for (name, bytes) in [("/p1", b"one "), ("/p2", b"two "), ("/p3", b"tree")] {
        world.files.put(name, bytes).unwrap();
    }
    let mut client = world.client().await;
    client.expect("COMB whole p1 missing", "550").await;
    assert!(world.files.read("/whole").is_err(), "a failed COMB leaves nothing behind");
    assert_eq!(world.files.read("/p1").unwrap(), b"one ");
    client.expect("COMB whole p1 p2 p3", "250").await;
    assert_eq!(world.files.read("/whole").unwrap(), b"one two tree");
    client.expect("SIZE p1", "550").await;
    world.files.put("/p4", b"!").unwrap();
    client.expect("COMB whole p4 missing", "550").await;
    assert_eq!(world.files.read("/whole").unwrap(), b"one two tree");
    client.expect("COMB whole whole", "553").await;
    client.expect("SITE SYMLINK whole link", "200").await;
    client.expect("COMB whole link", "553").await;
    client.expect("COMB fresh p4 p4", "553").await;
    client.expect("SITE SYMLINK p4 another", "200").await;
    client.expect("COMB fresh p4 another", "553").await;
    assert_eq!(world.files.read("/whole").unwrap(), b"one two tree");
    assert_eq!(world.files.read("/p4").unwrap(), b"!");
    assert!(world.files.read("/fresh").is_err());
}

#[tokio::test]
async fn who_may_not_delete_parts_may_not_join_them() {
    let world = World::at("127.0.0.1", |mut config| {
        config.users[0].rights = Rights { delete: false, ..Rights::FULL };
        config
    });
    world.files.put("/whole", b"one").unwrap();
    world.files.put("/part", b"two").unwrap();
    let mut client = world.client().await;
    client.expect("COMB whole part", "550").await;
    assert_eq!(world.files.read("/whole").unwrap(), b"one", "nothing was joined");
}

#[tokio::test]
async fn guests_read_and_change_nothing() {
    let world = World::at("127.0.0.1", |mut config| {
        config.anonymous = Some(Anonymous {
            home: "/".into(),
            rights: Rights::READ_ONLY,
            upload: Upload::Inplace,
            sessions: Some(1),
            rate: None,
        });
        config
    });
    world.files.put("/a", b"free").unwrap();
    let mut guest = world.connect().await;
    guest.expect("USER Anonymous", "331").await;
    guest.expect("PASS me@example.org", "230").await;
    guest.expect("TYPE I", "200").await;
    assert_eq!(guest.download("RETR a").await, b"free");
    guest.passive("PASV").await;
    guest.expect("STOR b", "550").await;
    for command in ["DELE a", "MKD d", "MFMT 20240101000000 a", "SITE CHMOD 600 a"] {
        guest.expect(command, "550").await;
    }
    assert_eq!(world.files.read("/a").unwrap(), b"free");
    let mut second = world.connect().await;
    second.expect("USER ftp", "331").await;
    second.expect("PASS x", "421").await;
}

#[tokio::test]
async fn who_may_not_overwrite_loses_nothing() {
    let world = World::at("127.0.0.1", |mut config| {
        config.users[0].rights = Rights { overwrite: false, delete: false, ..Rights::FULL };
        config
    });
    world.files.put("/a", b"first").unwrap();
    let mut client = world.client().await;
    client.passive("PASV").await;
    client.expect("STOR a", "550").await;
    client.expect("REST 2", "350").await;
    client.passive("PASV").await;
    client.expect("STOR a", "550").await;
    assert!(client.upload("STOR b", b"new").await.starts_with("226"));
    client.expect("REST 5", "350").await;
    assert!(client.upload("STOR a", b" and more").await.starts_with("226"), "resuming cuts nothing off");
    assert_eq!(world.files.read("/a").unwrap(), b"first and more");
}

#[tokio::test]
async fn a_user_may_have_to_use_tls() {
    let world = World::at("127.0.0.1", |mut config| {
        config.users[0].tls = fxp_server::config::network::TlsNeed::Required;
        config.users[0].from = vec!["127.0.0.0/30".parse().unwrap()];
        config
    });
    let mut clear = world.connect().await;
    clear.expect("USER alice", "331").await;
    clear.expect("PASS open sesame", "530").await;
    world.secure_client().await.expect("PWD", "257").await;
}
