//! Ends at the wrong moment, crowds at the door, rights that were kept, and folders that change meanwhile.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fxp_testkit::daemon::PASSWORD;
use fxp_testkit::port;
use socket2::SockRef;
use tempfile::TempDir;

use super::super::stage::{as_it_comes, until};
use super::super::wire::{Client, dial, give};
use super::{fxpd, process, still_serves, user};

/// CVE-2020-9273 (ProFTPD): a transfer that broke off while commands came used memory that it had given back.
#[test]
fn transfers_that_break_while_commands_come() {
    let server = as_it_comes();
    fs::write(server.file("big"), vec![7; 4 << 20]).expect("a file");
    let mut client = Client::logged_in(server.address);
    let commands = ["ABOR", "STAT", "NOOP", "SIZE big", "PASV", "TYPE A", "REIN"];
    for round in 0..300 {
        let port = client.passive();
        let mut data = dial(port, None).expect("a connection");
        client.say(if round % 2 == 0 { "RETR big" } else { "STOR new" });
        client.say(commands[round % commands.len()]);
        let _ = data.set_read_timeout(Some(Duration::from_millis(1)));
        let _ = data.read(&mut vec![0; round * 64]);
        // A reset, early or late.
        let _ = SockRef::from(&data).set_linger(Some(Duration::ZERO));
        drop(data);
        client.say(commands[(round / 7) % commands.len()]);
        // The port would wait for somebody else now.
        client.say("ABOR");
        client.say("HELP");
        while !client.hears("").starts_with("214") {}
        if round % 5 == 0 || commands[round % 7] == "REIN" || commands[(round / 7) % 7] == "REIN" {
            client = Client::logged_in(server.address);
        }
        client.expect("TYPE I", "200");
    }
    still_serves(server.address);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// CVE-2011-4130 (ProFTPD): the memory of the replies was used after it had been given back, once an error came
/// behind a transfer. Here the client is gone while replies are still on their way.
#[test]
fn gone_in_the_middle_of_a_reply() {
    let server = as_it_comes();
    for number in 0..3000 {
        fs::write(server.file(&format!("a rather long name for file {number}")), b"").expect("a file");
    }
    for round in 0..40 {
        let mut client = Client::logged_in(server.address);
        for line in ["STAT /", "HELP", "FEAT", "STAT /", if round % 2 == 0 { "QUIT" } else { "STAT /" }] {
            client.say(line);
        }
        if round % 3 == 0 {
            let _ = SockRef::from(client.tcp()).set_linger(Some(Duration::ZERO));
        }
    }
    still_serves(server.address);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// CVE-2021-30047 (vsftpd), and every server that counts its connections only in all: a crowd keeps others out.
#[test]
fn a_crowd_at_the_door_keeps_nobody_else_out() {
    let server = fxpd("[limits]\nsessions_per_address = 20\nlogin_timeout = 2\n", "");
    let crowd = port::loopback();
    let sockets: Vec<_> = (0..60).map(|_| dial(server.address, Some(crowd)).expect("a connection")).collect();
    let mut turned_away = 0;
    let mut greeted = Vec::new();
    for mut socket in sockets {
        let mut line = [0; 3];
        match socket.read_exact(&mut line) {
            Ok(()) if &line == b"220" => greeted.push(socket),
            Ok(()) => {
                assert_eq!(&line, b"421");
                turned_away += 1;
            }
            Err(_) => turned_away += 1,
        }
    }
    assert_eq!((greeted.len(), turned_away), (20, 40));
    // From elsewhere all is as ever.
    still_serves(server.address);
    // And those who got in do not stay: they are told, and hung up on.
    for mut socket in greeted {
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).expect("an end in time");
        assert!(String::from_utf8_lossy(&rest).contains("421"), "{}", rest.escape_ascii());
    }
    drop(Client::connect_from(crowd, server.address));
}

/// CVE-2024-48651 (ProFTPD): the group of root was kept as a supplementary one.
#[test]
fn no_group_of_root_is_kept() {
    let server = fxpd("[run_as]\nuser = \"nobody\"\n", "");
    let nobody = ["65534"; 4];
    // It listens before it becomes somebody else.
    until("nobody", || process::status(&server, "Uid:") == nobody);
    assert_eq!(process::status(&server, "Gid:"), nobody);
    let groups = process::status(&server, "Groups:");
    assert!(groups.iter().all(|group| group == "65534"), "{groups:?}");
    let capabilities = process::status(&server, "CapEff:");
    assert_eq!(capabilities, ["0000000000000000"]);
}

/// Ends the thread that looks at the flag.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Between looking at a name and opening it the folder becomes a link out of the root, again and again.
#[test]
fn folders_that_turn_into_links_lead_nowhere() {
    let server = as_it_comes();
    let outside = TempDir::new().expect("a folder");
    fs::write(outside.path().join("secret"), b"outside").expect("a file");
    fs::create_dir(server.file("real")).expect("a folder");
    fs::write(server.file("real/secret"), b"inside").expect("a file");
    symlink(outside.path(), server.file("link")).expect("a link");
    let stop = AtomicBool::new(false);
    let (mut inside, mut swaps) = (0, 0);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let (place, real, link) = (server.file("place"), server.file("real"), server.file("link"));
            let mut swaps = 0;
            while !stop.load(Ordering::Relaxed) {
                for what in [&real, &link] {
                    fs::rename(what, &place).expect("a rename");
                    std::hint::spin_loop();
                    fs::rename(&place, what).expect("a rename");
                    swaps += 1;
                }
            }
            swaps
        });
        // Whatever fails here must not leave the other thread at work for ever.
        let _stop = StopOnDrop(&stop);
        let mut client = Client::logged_in(server.address);
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            let port = client.passive();
            let mut data = dial(port, None).expect("a connection");
            if client.ask("RETR place/secret").starts_with("150") {
                let mut bytes = Vec::new();
                let _ = data.read_to_end(&mut bytes);
                client.hears("226");
                assert_eq!(bytes, b"inside");
                inside += 1;
            }
            let port = client.passive();
            let data = dial(port, None).expect("a connection");
            if client.ask("STOR place/planted").starts_with("150") {
                // The folder may be gone when the file is opened, which is after the 150.
                let _ = give(data, b"planted");
                let reply = client.reply();
                assert!(reply.starts_with("226") || reply.starts_with('5'), "{reply}");
            }
            client.ask("MKD place/planted-folder");
            client.ask("RMD place/planted-folder");
        }
        stop.store(true, Ordering::Relaxed);
        swaps = swapping.join().expect("it swaps");
    });
    assert!(inside > 0 && swaps > 100, "{inside} of {swaps}: nothing was raced");
    assert_eq!(fs::read_dir(outside.path()).expect("the folder").count(), 1);
    assert_eq!(fs::read(outside.path().join("secret")).expect("the file"), b"outside");
}

/// CVE-2017-7418 (ProFTPD): a home that lies beneath a folder of another user, who replaces a part of the way to
/// it by a link, becomes whatever the link names.
#[test]
fn a_home_beneath_another_home_is_not_moved_out() {
    let outer = TempDir::new().expect("a folder");
    let outside = TempDir::new().expect("a folder");
    fs::create_dir_all(outer.path().join("part/home")).expect("a home");
    fs::create_dir(outside.path().join("home")).expect("a folder");
    fs::write(outside.path().join("home/secret"), b"outside").expect("a file");
    let users =
        [user("outer", outer.path(), ""), user("inner", &outer.path().join("part/home"), "")].concat();
    let server = fxpd("", &users);
    let enter = |name: &str| {
        let mut client = Client::connect(server.address);
        client.expect(format!("USER {name}"), "331");
        let reply = client.ask(format!("PASS {PASSWORD}"));
        (client, reply)
    };
    assert!(enter("inner").1.starts_with("230"));
    let (mut client, _) = enter("outer");
    client.expect("RNFR part", "350");
    client.expect("RNTO away", "250");
    client.expect(format!("SITE SYMLINK {} part", outside.path().display()), "200");
    let (mut client, reply) = enter("inner");
    assert!(reply.starts_with("530"), "{reply}, and SIZE secret: {}", client.ask("SIZE secret"));
    until("a line in the log", || server.log().contains("home"));
}
