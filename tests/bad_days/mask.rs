//! What differs from run to run gets a name: addresses, ports, times, and how far a transfer had come.

/// Replaces what `names` say, then numbers that nobody can foresee.
pub(crate) fn mask(text: &str, names: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (value, name) in names {
        text = text.replace(value, name);
    }
    text.lines().filter(|line| !is_progress(line)).map(|line| mask_line(line) + "\n").collect()
}

/// True for how far a copy has come, which is told every few seconds, and so only on a slow machine.
fn is_progress(line: &str) -> bool {
    let is_amount = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with("iB");
    line.split_once(" of ").is_some_and(|(done, rest)| {
        is_amount(done) && rest.split(',').next().is_some_and(is_amount) && rest.ends_with(" left")
    })
}

/// Pure-FTPD names whatever error the system had told it last, where a file turns out to be shorter.
const ACCIDENTAL: &str = "Error during read from data connection: ";

fn mask_line(line: &str) -> String {
    let line = match line
        .split_once(ACCIDENTAL)
        .and_then(|(before, rest)| Some((before, rest.split_once(';')?.1)))
    {
        Some((before, rest)) => format!("{before}{ACCIDENTAL}{{an error}};{rest}"),
        None => line.to_owned(),
    };
    let line = line.as_str();
    let line = match line.split_once(" in ") {
        // `Copied 1 file, 4.0 MiB in 0.9 s (4.4 MiB/s)`
        Some((amount, rest)) if amount.starts_with("Copied ") || amount.starts_with("Interrupted after ") => {
            let rest = rest.find(';').map_or("", |at| &rest[at..]);
            let files = amount.split(',').next().unwrap_or(amount);
            format!("{files}, {{bytes}} in {{time}}{rest}")
        }
        _ => line.to_owned(),
    };
    let words: Vec<&str> = line.split(' ').collect();
    let masked: Vec<String> = words
        .iter()
        .enumerate()
        .map(|(at, word)| mask_word(word, words.get(at + 1).copied().unwrap_or_default()))
        .collect();
    masked.join(" ")
}

/// A word, given the next one.
fn mask_word(word: &str, next: &str) -> String {
    let is_number =
        |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok();
    let unit = next.trim_end_matches([',', ';', ':', '.', ')']);
    let bare = word.trim_end_matches([',', ')', ';']);
    let hex = bare.len() >= 8 && bare.chars().all(|c| c.is_ascii_hexdigit());
    if hex && (bare.len() >= 32 || bare.contains(|c: char| c.is_ascii_alphabetic())) {
        return word.replace(bare, "{digest or id}");
    }
    let opened = word.trim_start_matches('(');
    match unit {
        "seconds" | "secs" | "ms" | "Mbytes" | "Kbytes" if is_number(opened) => {
            word.replace(opened, "{time}")
        }
        // Small amounts are the story's own.
        "bytes" if is_number(opened) && opened.len() > 4 => word.replace(opened, "{number}"),
        _ => word.to_owned(),
    }
}

#[test]
fn how_far_a_copy_has_come_is_no_part_of_a_story() {
    let told = "$ fxp cp\n3.8 GiB of 5.0 GiB, 274.0 MiB/s, 4 s left\n3 of 8 files, nothing left\nexit 0\n";
    assert_eq!(mask(told, &[]), "$ fxp cp\n3 of 8 files, nothing left\nexit 0\n");
}
