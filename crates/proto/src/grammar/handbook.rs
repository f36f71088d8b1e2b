//! The table as a page for people: `docs/commands.md`, which a test compares with what is made here.

use std::fmt::Write as _;

use super::verb::{Argument, Data, Row, Served, TABLE, When};

/// The whole page, in Markdown.
pub fn commands_markdown() -> String {
    let mut page = HEAD.to_owned();
    for row in TABLE {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            argument(row.argument),
            when(row.when),
            data(row.data),
            served(row),
            row.feat.map_or(String::new(), code),
            row.rfc,
            row.summary,
        );
    }
    page
}

const HEAD: &str = "\
# FTP commands

Made from the table in `crates/proto/src/grammar/verb.rs` by
`FXP_UPDATE=1 cargo test -p fxp-proto --test commands`; do not edit.

* *When*: \"login\" means after a login only (`530` before it), \"no login\" before one only (`503` after it).
* *Data*: what the command does with a data connection. \"address\" prepares one; a listing goes to the control
  connection's peer only.
* *fxpd*: \"yes\", or the code with which `fxpd` answers a command that it understands and does not carry out.
* *FEAT*: the line that `FEAT` shows, where the configuration allows the command.

| Command | Argument | When | Data | fxpd | FEAT | Defined in | What it does |
|---|---|---|---|---|---|---|---|
";

fn argument(argument: Argument) -> String {
    match argument {
        Argument::None => String::new(),
        Argument::Optional(syntax) => format!("{}, optional", code(syntax)),
        Argument::Required(syntax) => code(syntax),
    }
}

fn when(when: When) -> &'static str {
    match when {
        When::Always => "always",
        When::BeforeLogin => "no login",
        When::LoggedIn => "login",
    }
}

fn data(data: Data) -> &'static str {
    match data {
        Data::None => "",
        Data::Address => "address",
        Data::Send => "sends",
        Data::Receive => "receives",
        Data::Listing => "listing",
    }
}

fn served(row: &Row) -> String {
    match row.served {
        Served::Yes => "yes".to_owned(),
        Served::Refused(code) => format!("`{code}`"),
        Served::Superfluous => "`202`".to_owned(),
    }
}

/// Code in a cell, where a bar would end the cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}
