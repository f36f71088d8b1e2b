//! A user who introduces some server (PEER), and names a host that was never meant: what introductions open is neither
//! this host, nor a service, nor anything once they are taken back, whatever the order.

use super::*;
use crate::proof::end::KEY;
use crate::server_side::wire::Tls;

/// The certificate of nobody.
const PIN: &str = "PEER EXPECT SHA-256=abababababababababababababababababababababababababababababababab";

/// What no introduction opens.
const NEVER: &[&str] = &[
    "127.0.0.1:50000",
    "[::1]:50000",
    "[::ffff:127.0.0.1]:50000",
    "10.77.0.2:50000",
    "[fd77::2]:50000",
    "169.254.169.254:50000",
    "224.0.0.1:50000",
    "10.77.0.3:25",
    "10.77.0.3:1023",
    "[fd77::3]:25",
];

/// What one does.
const OPENED: &[&str] = &["10.77.0.3:50000", "[fd77::3]:50000"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Key,
    Pin,
    Off,
    Aim,
}

impl Word {
    const ALL: [Word; 4] = [Word::Key, Word::Pin, Word::Off, Word::Aim];

    fn line(self, target: SocketAddr) -> String {
        match self {
            Word::Key => KEY.1.to_owned(),
            Word::Pin => PIN.to_owned(),
            Word::Off => "PEER OFF".to_owned(),
            Word::Aim if target.is_ipv4() => format!("PORT {}", port_argument(target)),
            Word::Aim => format!("EPRT {}", eprt_argument(target)),
        }
    }
}

/// All orders of three words in which a host is named.
fn orders() -> impl Iterator<Item = [Word; 3]> {
    let pairs = Word::ALL.into_iter().flat_map(|one| Word::ALL.map(|two| (one, two)));
    let all = pairs.flat_map(|(one, two)| Word::ALL.map(|three| [one, two, three]));
    all.filter(|words| words.contains(&Word::Aim))
}

/// True if nobody is introduced any more when the transfer is asked for.
fn ends_alone(words: &[Word]) -> bool {
    words.iter().rev().find(|word| **word != Word::Aim).is_none_or(|word| *word == Word::Off)
}

#[test]
fn no_order_of_introductions_opens_what_is_closed() {
    let Some(scene) = Scene::set("bounce with introductions") else { return };
    let server = scene.server(21, "");
    let parsed = |text: &&str| text.parse::<SocketAddr>().expect("an address");
    let (begun, packets) = (connections_begun(server.process_id()), scene.to_bystander());
    let tried = scene.attack(|| {
        let mut client = Client::private(server.address, &Tls::newest());
        let mut tried = 0;
        for words in orders() {
            let opened = OPENED.iter().filter(|_| ends_alone(&words));
            for target in NEVER.iter().chain(opened).map(parsed) {
                for word in words {
                    let reply = client.ask(word.line(target));
                    let fits = if word == Word::Aim { ["200", "5"] } else { ["200", "200"] };
                    assert!(fits.iter().any(|fit| reply.starts_with(fit)), "{words:?} {target}: {reply}");
                }
                let transfer = if tried % 2 == 0 { "RETR letter" } else { "STOR loot" };
                let reply = client.ask(transfer);
                let refused = reply.starts_with('4') || reply.starts_with('5');
                assert!(refused, "{words:?} {target}: {transfer}: {reply}\n{}", server.log());
                client.expect("PEER OFF", "200");
                tried += 1;
            }
        }
        tried
    });
    assert!(tried >= orders().count() * NEVER.len(), "{tried}");
    assert_eq!(connections_begun(server.process_id()), begun, "connections were opened\n{}", server.log());
    assert_eq!(scene.to_bystander(), packets, "packets went to b");

    // The counters do count: an introduction opens a connection, and nothing of the file goes over it.
    let host = Resident::of(&scene.lab, "b");
    let listener = in_network_of(host.id(), || TcpListener::bind("10.77.0.3:50000").expect("a listener"));
    let bystander = Bystander::behind(listener, b"220 somebody else's\r\n");
    scene.attack(|| {
        let mut client = Client::private(server.address, &Tls::newest());
        client.expect(KEY.1, "200");
        client.expect("PORT 10,77,0,3,195,80", "200");
        client.say("RETR letter");
        let last = client.last_reply();
        assert!(last.starts_with('4'), "{last}");
    });
    assert!(connections_begun(server.process_id()) > begun);
    assert!(bystander.visits() > 0 && !bystander.has_heard(LETTER));
}
