//! Sessions to begin with, for the transcripts of two legs.

use fxp_proto::client::machine::{Action as Said, Machine};
use fxp_proto::client::request::{Answer, Login, LoginTls, Request};
use fxp_proto::grammar::params::Protection;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::moment::Moment;
use fxp_proto::pair::leg::Leg;
use fxp_proto::wire::secret::Secret;
use fxp_proto::wire::text::Text;

use crate::script::options;

/// A machine whose session is logged in, inside TLS unless the script says `clear`.
pub(crate) fn logged_in(leg: Leg, text: &str) -> Machine {
    let options = options(text);
    let clear = text.split_whitespace().any(|word| word == "clear");
    let mut machine = Machine::new(Moment::START);
    machine.ask(
        Request::Login(Login {
            user: Text::from("anna"),
            password: Secret::default(),
            tls: if clear { LoginTls::Off } else { LoginTls::Implicit },
            protection: Protection::Private,
            host: None,
            swift: None,
        }),
        Moment::START,
    );
    machine.tls(true, Moment::START);
    let features = options.get(format!("{leg}-features").as_str()).copied().unwrap_or_default();
    machine.reply(Reply::new(220, "hello"), Moment::START);
    machine.reply(Reply::new(230, "in"), Moment::START);
    let features = features.split(',').map(|name| Text::new(name).unwrap());
    machine.reply(Reply::list(211, "features", features, "end"), Moment::START);
    while let Some(said) = machine.next() {
        match said {
            Said::Done(_, Answer::LoggedIn(_)) => return machine,
            Said::Done(id, other) => panic!("{id:?} {other:?}"),
            _ => {}
        }
        let settling = matches!(&said, Said::Send(command) if !["USER anna", "FEAT"].contains(&command.to_string().as_str()));
        if settling {
            machine.reply(Reply::new(200, "ok"), Moment::START);
        }
    }
    panic!("the login did not end");
}
