//! One session: how it comes in, what it does, and how it goes.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Client, Step, dial};
use crate::dice::Dice;
use crate::process::{PASSWORD, USER};
use crate::{Doors, Seen};

/// Runs it; whatever the server refuses or breaks off is part of the game, except a missing reply.
pub(crate) async fn run(mut dice: Dice, doors: &Doors) -> Seen {
    let source = Ipv4Addr::new(127, 0, dice.below(4) as u8, 1 + dice.below(250) as u8);
    let mut seen = Seen::default();
    if dice.percent(6) {
        nonsense(&mut dice, doors, source).await;
        return seen;
    }
    let implicit = dice.percent(3);
    let Some(mut client) =
        Client::connect(if implicit { doors.implicit } else { doors.explicit }, source).await
    else {
        return seen;
    };
    // An error means that the server has parted, which it may do at any time.
    let _ = acts(&mut client, implicit, &mut dice, doors, &mut seen).await;
    if dice.percent(70) {
        client.close().await;
    }
    seen
}

/// What no FTP client does.
async fn nonsense(dice: &mut Dice, doors: &Doors, source: Ipv4Addr) {
    let to = if dice.percent(20) { doors.implicit } else { doors.explicit };
    let Ok(mut tcp) = dial(to, source).await else { return };
    let bytes = match dice.below(7) {
        0 => Vec::new(),
        1 => b"USER al".to_vec(),
        2 => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        3 => dice.bytes(300),
        4 => [b"STOR ".to_vec(), vec![b'x'; 40_000], b"\r\n".to_vec()].concat(),
        // A handshake that goes no further, in clear and behind AUTH.
        5 => vec![0x16, 3, 1, 2, 0, 1, 0],
        _ => [b"AUTH TLS\r\n".to_vec(), dice.bytes(40)].concat(),
    };
    let _ = tcp.write_all(&bytes).await;
    leave(dice, tcp).await;
}

/// A socket is closed in order, left with unread bytes, or reset.
async fn leave(dice: &mut Dice, tcp: TcpStream) {
    match dice.below(3) {
        0 => drop(tcp),
        1 => {
            let _ = tcp.set_zero_linger();
        }
        _ => {
            tokio::time::sleep(Duration::from_millis(dice.below(20) as u64)).await;
        }
    }
}

async fn acts(client: &mut Client, implicit: bool, dice: &mut Dice, doors: &Doors, seen: &mut Seen) -> Step {
    if implicit {
        client.secure(&doors.trust).await?;
        client.hear().await?;
    } else {
        client.hear().await?;
        for _ in 0..dice.below(3) {
            client.ask(&command(dice)).await?;
        }
        if dice.percent(12) && client.ask("AUTH TLS").await?.starts_with('2') {
            client.secure(&doors.trust).await?;
        }
    }
    seen.secured = client.is_secure();
    if dice.percent(78) {
        log_in(client, dice, seen).await?;
    }
    let protected = client.is_secure() && dice.percent(80);
    if protected {
        client.ask("PBSZ 0").await?;
        client.ask("PROT P").await?;
    }
    if seen.logged_in && dice.percent(80) {
        client.ask("TYPE I").await?;
    }
    for _ in 0..dice.below(9) {
        step(client, protected, dice, seen).await?;
    }
    match dice.below(10) {
        0 => amid_a_transfer(client, dice).await,
        1 => client.send(b"RETR half a li").await,
        // The server waits for it, and not for ever.
        2 if dice.percent(3) => client.hear().await.map(drop),
        3..=5 => Ok(()),
        _ => {
            let reply = client.ask("QUIT").await?;
            assert!(reply.starts_with("221") || reply.starts_with("421"), "{reply}");
            Ok(())
        }
    }
}

async fn log_in(client: &mut Client, dice: &mut Dice, seen: &mut Seen) -> Step {
    if dice.percent(3) {
        client.ask(dice.of_these(&["USER alice", "USER nobody", "USER root", "USER "])).await?;
        client.ask("PASS wrong").await?;
    }
    let guest = dice.percent(8);
    client.ask(&format!("USER {}", if guest { "anonymous" } else { USER })).await?;
    let reply = client.ask(&format!("PASS {PASSWORD}")).await?;
    assert!(reply.starts_with("230") || reply.starts_with("421"), "{reply}");
    seen.logged_in = reply.starts_with("230");
    Ok(())
}

async fn step(client: &mut Client, protected: bool, dice: &mut Dice, seen: &mut Seen) -> Step {
    match dice.below(100) {
        0..50 => client.ask(&command(dice)).await.map(drop),
        50..60 => burst(client, dice).await,
        60..70 => {
            let size = [0, 1, 100, 5000, 70_000][dice.below(5)];
            let command = match dice.below(8) {
                0 => "STOU".to_owned(),
                1 => format!("APPE {}", name(dice)),
                _ => format!("STOR {}", name(dice)),
            };
            let begun = transfer(client, protected, &command, Some(dice.bytes(size)), dice, seen).await?;
            if let Some(unique) = begun.and_then(|reply| Some(reply.split_once("FILE: ")?.1.to_owned())) {
                // A fresh one each time: the folder must not fill up.
                client.ask(&format!("DELE {unique}")).await?;
            }
            Ok(())
        }
        70..78 => {
            let command = format!("RETR {}", name(dice));
            transfer(client, protected, &command, None, dice, seen).await.map(drop)
        }
        78..88 => {
            let verb = dice.of_these(&["LIST", "LIST -la", "NLST", "MLSD"]);
            transfer(client, protected, verb, None, dice, seen).await.map(drop)
        }
        88..93 => aborted(client, protected, dice).await,
        93..95 => {
            // A port that nobody comes to, and that may be used by what comes next.
            client.ask(dice.of_these(&["PASV", "EPSV", "CPSV"])).await.map(drop)
        }
        95..97 => unwanted(client, dice).await,
        97..99 => {
            client.ask("REIN").await?;
            client.ask(&format!("USER {USER}")).await?;
            client.ask(&format!("PASS {PASSWORD}")).await.map(drop)
        }
        _ => client.send(&[0xff, 0xf4, 0xff, 0xf2]).await,
    }
}

/// Several commands in one packet; each has its reply.
async fn burst(client: &mut Client, dice: &mut Dice) -> Step {
    let commands: Vec<String> = (0..2 + dice.below(8)).map(|_| command(dice)).collect();
    client.say(&commands.join("\n")).await?;
    for _ in commands {
        client.hear().await?;
    }
    Ok(())
}

/// What the server said when it began.
async fn transfer(
    client: &mut Client,
    protected: bool,
    command: &str,
    bytes: Option<Vec<u8>>,
    dice: &mut Dice,
    seen: &mut Seen,
) -> Step<Option<String>> {
    let Some(tcp) = client.open(dice.of_these(&["PASV", "EPSV"])).await? else { return Ok(None) };
    let Some(begun) = client.begins(command).await? else { return Ok(None) };
    // A transfer that breaks is as good as one that does not: the server says how it ended.
    let moved = client.moves(tcp, protected, bytes).await;
    let reply = client.hear().await?;
    seen.moved |= moved.is_ok() && reply.starts_with("226");
    Ok(Some(begun))
}

/// ABOR while a transfer runs: two replies, or one if it came too late.
async fn aborted(client: &mut Client, protected: bool, dice: &mut Dice) -> Step {
    let Some(tcp) = client.open("PASV").await? else { return Ok(()) };
    if client.begins(&format!("STOR {}", name(dice))).await?.is_none() {
        return Ok(());
    }
    if !protected {
        let mut tcp = tcp;
        let _ = tcp.write_all(b"not all of it").await;
        leave(dice, tcp).await;
    }
    client.say("ABOR").await?;
    client.hear().await?;
    client.hear().await.map(drop)
}

/// A data connection that is reset at once, or that goes where the server will not go.
async fn unwanted(client: &mut Client, dice: &mut Dice) -> Step {
    match dice.below(4) {
        0 => {
            if let Some(tcp) = client.open("PASV").await? {
                let _ = tcp.set_zero_linger();
            }
        }
        1 => drop(client.ask("PORT 192,0,2,9,20,0").await?),
        2 => drop(client.ask("EPRT |1|127.0.0.1|22|").await?),
        // Nobody listens there.
        _ => drop(client.ask("EPRT |2|::1|45999|").await?),
    }
    client.ask("LIST").await.map(drop)
}

/// Goes while the server sends, or waits.
async fn amid_a_transfer(client: &mut Client, dice: &mut Dice) -> Step {
    if let Some(tcp) = client.open("PASV").await? {
        client.say(dice.of_these(&["RETR a", "STOR b", "LIST"])).await?;
        leave(dice, tcp).await;
    }
    Ok(())
}

/// One of a few names, so that the server's folder does not grow.
fn name(dice: &mut Dice) -> &'static str {
    dice.of_these(&["a", "b", "c", "d1/a", "d1/d2/b", "free", "missing/x", "/", "../a", "d1", "\u{fc}"])
}

/// A command with one reply that moves no data, mostly a sensible one.
fn command(dice: &mut Dice) -> String {
    let (one, other) = (name(dice), name(dice));
    let word = dice.of_these(&[
        "NOOP",
        "SYST",
        "FEAT",
        "HELP",
        "HELP SITE",
        "PWD",
        "STAT",
        "CDUP",
        "CWD",
        "CWD @",
        "MKD @",
        "MKD d1/n",
        "RMD d1/n",
        "RMD @",
        "DELE @",
        "RNFR @",
        "RNTO @",
        "SIZE @",
        "MDTM @",
        "MLST @",
        "STAT @",
        "HASH @",
        "XCRC @",
        "XSHA256 @",
        "MFMT 20240102030405 @",
        "MFF modify=20240102030405;UNIX.mode=0644; @",
        "SITE CHMOD 644 @",
        "AVBL",
        "ALLO 100",
        "REST 3",
        "REST 0",
        "RANG 0 9",
        "TYPE A",
        "TYPE I",
        "TYPE E",
        "MODE S",
        "MODE Z",
        "STRU F",
        "OPTS UTF8 ON",
        "OPTS MLST size;modify;",
        "OPTS HASH MD5",
        "PBSZ 0",
        "PROT P",
        "PROT C",
        "SSCN ON",
        "SSCN OFF",
        "CEPR ON",
        "CEPR OFF",
        "PRET STOR @",
        "HOST localhost",
        "CLNT soak",
        "CSID NAME=soak;",
        "LANG EN",
        "USER alice",
        "PASS",
        "ABOR",
        "ACCT x",
        "PEER KEY AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "PEER OFF",
        "PEER EXPECT nonsense",
        "COMB @ %",
        "SITE SYMLINK a d1/l",
        "DELE d1/l",
        "LPSV",
        "XYZZY",
        "",
        "RETR",
        "PORT 1,2,3",
        "EPRT |9|x|1|",
        "\u{1}\u{2}",
    ]);
    word.replace('@', one).replace('%', other)
}
