//! `fxp man`: manual pages, made from the same table as `--help`.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{self, Args};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};

pub(super) fn run(args: &args::Man, desk: &Desk) -> Outcome<Exit> {
    let pages = pages();
    if let Some(directory) = &args.out {
        write_all(directory, &pages)?;
        desk.voice.confirmation(&format!("Wrote {} pages to {}.", pages.len(), directory.display()));
        return Ok(Exit::Done);
    }
    let wanted =
        std::iter::once("fxp").chain(args.command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    let mut stdout = std::io::stdout().lock();
    let mut found = false;
    for page in pages.iter().filter(|page| args.command.is_empty() || page.name == wanted) {
        found = true;
        // A reader who has seen enough is no trouble.
        let _ = stdout.write_all(&page.text);
    }
    if found {
        Ok(Exit::Done)
    } else {
        Err(Failure::usage(format!("there is no command `{}`", args.command.join(" ")))
            .hint("see `fxp --help`"))
    }
}

/// One manual page.
struct Page {
    /// `fxp-site-add`
    name: String,
    text: Vec<u8>,
}

/// The program's own page, then one for each subcommand, depth first.
fn pages() -> Vec<Page> {
    let mut command = Args::command();
    // Global options belong to every page; building copies them down.
    command.build();
    let mut pages = Vec::new();
    add(&command, "fxp", &mut pages);
    pages
}

fn add(command: &clap::Command, name: &str, pages: &mut Vec<Page>) {
    let mut children: Vec<String> = Vec::new();
    for child in command.get_subcommands() {
        children.push(format!("{name}-{}", child.get_name()));
    }
    let at = pages.len();
    pages.push(Page { name: name.to_owned(), text: Vec::new() });
    for (child, child_name) in command.get_subcommands().zip(&children) {
        add(child, child_name, pages);
    }
    pages[at].text = render(command, name, &children).expect("writing to memory cannot fail");
}

fn render(command: &clap::Command, name: &str, children: &[String]) -> std::io::Result<Vec<u8>> {
    let man = Man::new(command.clone().display_name(name.to_owned()))
        .title(name.to_uppercase())
        .source(format!("fxp {}", env!("CARGO_PKG_VERSION")))
        .manual("fxp manual");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if !children.is_empty() {
        man.render_subcommands_section(&mut text)?;
    }
    if command.get_after_long_help().is_some() {
        render_after_help(command, &mut text)?;
    }
    if name != "fxp" {
        let mut roff = Roff::default();
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold("fxp"), roman("(1)")]);
        roff.to_writer(&mut text)?;
    }
    Ok(text)
}

/// The text under the options as it stands, without filling: it is made of tables and examples.
fn render_after_help(command: &clap::Command, text: &mut Vec<u8>) -> std::io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", ["NOTES"]);
    roff.control("nf", []);
    for line in command.get_after_long_help().map(ToString::to_string).unwrap_or_default().lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.to_writer(text)
}

fn write_all(directory: &Path, pages: &[Page]) -> Outcome {
    let failed =
        |what: String, error: &std::io::Error| Failure::new(Exit::DestinationDenied, what).because(error);
    std::fs::create_dir_all(directory)
        .map_err(|error| failed(format!("cannot make the directory {}", directory.display()), &error))?;
    for page in pages {
        let path = directory.join(format!("{}.1", page.name));
        std::fs::write(&path, &page.text)
            .map_err(|error| failed(format!("cannot write {}", path.display()), &error))?;
    }
    Ok(())
}
