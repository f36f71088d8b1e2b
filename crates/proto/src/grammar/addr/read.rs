//! Reading addresses: arguments strictly, replies in every form that servers in use send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use super::{AddressError, Announced, Family, HostPort};
use crate::grammar::reply::Reply;

/// Reads the argument of PORT: six numbers.
///
/// # Errors
///
/// See [`AddressError`].
pub fn parse_port(argument: &[u8]) -> Result<HostPort, AddressError> {
    let numbers = whole_run(argument)?;
    let [a, b, c, d, high, low] = octets(&numbers)?;
    host_port(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]))
}

/// Reads the argument of EPRT: `|1|192.0.2.1|2000|`, with any delimiter from `!` to `~`.
///
/// # Errors
///
/// See [`AddressError`].
pub fn parse_eprt(argument: &[u8]) -> Result<HostPort, AddressError> {
    let (fields, rest) = delimited(argument.trim_ascii())?;
    if !rest.is_empty() {
        return Err(AddressError::Syntax);
    }
    let port = port_field(fields[2])?;
    match address_field(fields[0], fields[1])? {
        Some(ip) => host_port(ip, port),
        None => Err(AddressError::Syntax),
    }
}

/// Reads the argument of LPRT: family, length, address, length, port, all as numbers.
///
/// # Errors
///
/// See [`AddressError`].
pub fn parse_lprt(argument: &[u8]) -> Result<HostPort, AddressError> {
    long(&whole_run(argument)?)
}

/// Reads the answer to PASV or CPSV. The six numbers may stand anywhere, in parentheses or not, after
/// an `=`, on any line of the reply (drftpd); three numbers `1,p1,p2` mean the control peer's address
/// (cbftp knows servers that send it); an IPv6 address in brackets may take the place of the first four.
///
/// # Errors
///
/// See [`AddressError`].
pub fn parse_227(reply: &Reply) -> Result<Announced, AddressError> {
    first_good(reply, |line| runs(line).find_map(six)) //
        .or_else(|error| first_good(reply, bracketed).map_err(|_| error))
        .or_else(|error| first_good(reply, |line| runs(line).find_map(three)).map_err(|_| error))
}

/// Reads the answer to LPSV.
///
/// # Errors
///
/// See [`AddressError`].
pub fn parse_228(reply: &Reply) -> Result<HostPort, AddressError> {
    first_good(reply, |line| {
        runs(line).find(|run| matches!(run.len(), 9 | 21)).map(|run| {
            let place = long(&run)?;
            Ok(Announced { ip: Some(place.ip), port: place.port })
        })
    })
    .and_then(|announced| match announced.ip {
        Some(ip) => Ok(HostPort { ip, port: announced.port }),
        None => Err(AddressError::Syntax),
    })
}

/// Reads the answer to EPSV: `(|||2000|)`, with any delimiter, or with the address filled in
/// (`(|2|2001:db8::1|2000|)`, after CEPR ON or EPSV EXTENDED).
///
/// # Errors
///
/// See [`AddressError`].
pub fn parse_229(reply: &Reply) -> Result<Announced, AddressError> {
    first_good(reply, |line| {
        let mut best = None;
        for start in 0..line.len().min(MAX_SCANNED) {
            // Inside parentheses any delimiter will do; elsewhere only the usual one is looked for.
            let inside = start > 0 && line[start - 1] == b'(';
            if !inside && line[start] != b'|' {
                continue;
            }
            match extended(&line[start..]) {
                Ok(announced) => return Some(Ok(announced)),
                Err(AddressError::Syntax) => {}
                Err(error) => best = best.or(Some(Err(error))),
            }
        }
        best
    })
}

/// The most bytes of a line in which an address is looked for.
const MAX_SCANNED: usize = 1024;

/// The first result that `read` finds: on the last line, which should have it, then from the first on.
fn first_good<T>(
    reply: &Reply,
    read: impl Fn(&[u8]) -> Option<Result<T, AddressError>>,
) -> Result<T, AddressError> {
    let (last, others) = reply.lines.split_last().ok_or(AddressError::Syntax)?;
    let mut error = AddressError::Syntax;
    for line in std::iter::once(last).chain(others.iter().take(MAX_LINES)) {
        match read(line.as_bytes()) {
            Some(Ok(found)) => return Ok(found),
            Some(Err(worse)) if error == AddressError::Syntax => error = worse,
            Some(Err(_)) | None => {}
        }
    }
    Err(error)
}

/// The most lines of a reply in which an address is looked for.
const MAX_LINES: usize = 100;

/// A run of numbers between commas. Numbers that do not fit are kept as the largest one.
type Run = Vec<u32>;

/// The longest run that means something: LPRT's for IPv6.
const MAX_RUN: usize = 21;

fn six(run: Run) -> Option<Result<Announced, AddressError>> {
    (run.len() == 6).then(|| {
        let [a, b, c, d, high, low] = octets(&run)?;
        announced(Some(Ipv4Addr::new(a, b, c, d).into()), u16::from_be_bytes([high, low]))
    })
}

fn three(run: Run) -> Option<Result<Announced, AddressError>> {
    (run.len() == 3 && run[0] == 1).then(|| {
        let [_, high, low] = octets(&run)?;
        announced(None, u16::from_be_bytes([high, low]))
    })
}

fn bracketed(line: &[u8]) -> Option<Result<Announced, AddressError>> {
    let open = line.iter().position(|&byte| byte == b'[')?;
    let close = open + line[open..].iter().position(|&byte| byte == b']')?;
    let ip: Ipv6Addr = std::str::from_utf8(&line[open + 1..close]).ok()?.parse().ok()?;
    let (run, _) = leading_run(line[close + 1..].strip_prefix(b",")?)?;
    let [high, low] = match octets(&run) {
        Ok(port) => port,
        Err(error) => return Some(Err(error)),
    };
    Some(announced(Some(ip.into()), u16::from_be_bytes([high, low])))
}

fn long(run: &[u32]) -> Result<HostPort, AddressError> {
    let (ip, port): (IpAddr, &[u32]) = match run {
        [4, 4, rest @ ..] if rest.len() == 7 => (Ipv4Addr::from(octets::<4>(&rest[..4])?).into(), &rest[4..]),
        [6, 16, rest @ ..] if rest.len() == 19 => {
            (Ipv6Addr::from(octets::<16>(&rest[..16])?).into(), &rest[16..])
        }
        [4 | 6, ..] | [] => return Err(AddressError::Syntax),
        _ => return Err(AddressError::UnknownFamily),
    };
    match port {
        [2, port @ ..] => host_port(ip, u16::from_be_bytes(octets(port)?)),
        _ => Err(AddressError::Syntax),
    }
}

fn extended(text: &[u8]) -> Result<Announced, AddressError> {
    let (fields, _) = delimited(text)?;
    let port = port_field(fields[2])?;
    announced(address_field(fields[0], fields[1])?, port)
}

/// Splits `dAdBdCd` into A, B and C, and what follows.
fn delimited(text: &[u8]) -> Result<([&[u8]; 3], &[u8]), AddressError> {
    let (&delimiter, mut rest) = text.split_first().ok_or(AddressError::Syntax)?;
    if !(33..=126).contains(&delimiter) {
        return Err(AddressError::Syntax);
    }
    let mut fields: [&[u8]; 3] = [&[]; 3];
    for field in &mut fields {
        let end = rest.iter().position(|&byte| byte == delimiter).ok_or(AddressError::Syntax)?;
        *field = &rest[..end];
        rest = &rest[end + 1..];
    }
    Ok((fields, rest))
}

/// An address and the number of its family; both empty, or the address alone: none was given.
fn address_field(family: &[u8], address: &[u8]) -> Result<Option<IpAddr>, AddressError> {
    let family = match family {
        b"" => None,
        b"1" => Some(Family::V4),
        b"2" => Some(Family::V6),
        digits if digits.iter().all(u8::is_ascii_digit) => return Err(AddressError::UnknownFamily),
        _ => return Err(AddressError::Syntax),
    };
    if address.is_empty() {
        return Ok(None);
    }
    let ip = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok());
    match (ip, family) {
        (None, _) | (_, None) => Err(AddressError::Syntax),
        (Some(ip), Some(family)) if family == Family::of(ip) => Ok(Some(ip)),
        _ => Err(AddressError::FamilyMismatch),
    }
}

fn port_field(digits: &[u8]) -> Result<u16, AddressError> {
    match number(digits) {
        Some((number, [])) => u16::try_from(number).map_err(|_| AddressError::TooLarge),
        _ => Err(AddressError::Syntax),
    }
}

fn announced(ip: Option<IpAddr>, port: u16) -> Result<Announced, AddressError> {
    let port = NonZeroU16::new(port).ok_or(AddressError::PortZero)?;
    Ok(Announced { ip: ip.filter(|ip| !ip.is_unspecified()), port })
}

fn host_port(ip: IpAddr, port: u16) -> Result<HostPort, AddressError> {
    HostPort::new(ip, port).ok_or(AddressError::PortZero)
}

fn octets<const N: usize>(numbers: &[u32]) -> Result<[u8; N], AddressError> {
    let numbers: &[u32; N] = numbers.try_into().map_err(|_| AddressError::Syntax)?;
    let mut octets = [0; N];
    for (octet, &number) in octets.iter_mut().zip(numbers) {
        *octet = u8::try_from(number).map_err(|_| AddressError::TooLarge)?;
    }
    Ok(octets)
}

/// An argument that is one run of numbers and nothing else.
fn whole_run(argument: &[u8]) -> Result<Run, AddressError> {
    match leading_run(argument.trim_ascii()) {
        Some((run, [])) => Ok(run),
        _ => Err(AddressError::Syntax),
    }
}

/// The runs of numbers in a line, from left to right.
fn runs(line: &[u8]) -> impl Iterator<Item = Run> {
    let mut rest = &line[..line.len().min(MAX_SCANNED)];
    std::iter::from_fn(move || {
        let start = rest.iter().position(u8::is_ascii_digit)?;
        let (run, after) = leading_run(&rest[start..])?;
        rest = after;
        Some(run)
    })
}

/// Numbers joined by commas, each of which may be followed by spaces.
fn leading_run(text: &[u8]) -> Option<(Run, &[u8])> {
    let (first, mut rest) = number(text)?;
    let mut run = vec![first];
    while let Some((next, after)) = rest.strip_prefix(b",").and_then(|rest| number(rest.trim_ascii_start())) {
        rest = after;
        if run.len() <= MAX_RUN {
            run.push(next);
        }
    }
    Some((run, rest))
}

fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    };
    (!digits.is_empty()).then(|| (number(digits), rest))
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::net::SocketAddr;

    use super::*;
    use crate::wire::text::Text;

    /// `Ok` as text, or the error.
    fn shown<T: fmt::Display>(result: Result<T, AddressError>) -> Result<String, AddressError> {
        result.map(|place| place.to_string())
    }

    fn announced_in(result: Result<Announced, AddressError>) -> Result<String, AddressError> {
        result.map(|found| match found.ip {
            Some(ip) => SocketAddr::new(ip, found.port.get()).to_string(),
            None => format!("*:{}", found.port),
        })
    }

    fn reply(code: u16, text: &str) -> Reply {
        let lines = text.split('|').map(|line| Text::lossy(line.replace('!', "|"))).collect();
        Reply { lines, ..Reply::new(code, "") }
    }

    #[track_caller]
    fn check<T: fmt::Debug>(
        found: Result<String, AddressError>,
        expected: Result<&str, AddressError>,
        of: T,
    ) {
        assert_eq!(found, expected.map(str::to_owned), "{of:?}");
    }

    use AddressError::{FamilyMismatch, PortZero, Syntax, TooLarge, UnknownFamily};

    #[test]
    fn port() {
        for (argument, expected) in [
            ("192,0,2,1,7,208", Ok("192.0.2.1:2000")),
            (" 192, 0,2,1,7,208 ", Ok("192.0.2.1:2000")),
            ("192,0,2,1,0,0", Err(PortZero)),
            ("256,0,2,1,7,208", Err(TooLarge)),
            ("192,0,2,1,7,99999999999999999999", Err(TooLarge)),
            ("1,2,3", Err(Syntax)),
            ("1,2,3,4,5", Err(Syntax)),
            ("1,2,3,4,5,6,7", Err(Syntax)),
            ("1,2,3,4,5,6x", Err(Syntax)),
            ("-1,2,3,4,5,6", Err(Syntax)),
            ("1,,3,4,5,6", Err(Syntax)),
            ("", Err(Syntax)),
        ] {
            check(shown(parse_port(argument.as_bytes())), expected, argument);
        }
    }

    #[test]
    fn eprt() {
        for (argument, expected) in [
            ("|1|192.0.2.1|2000|", Ok("192.0.2.1:2000")),
            ("|2|2001:db8::1|2000|", Ok("[2001:db8::1]:2000")),
            ("!1!192.0.2.1!2000!", Ok("192.0.2.1:2000")),
            ("~2~::ffff:192.0.2.1~2000~", Ok("[::ffff:192.0.2.1]:2000")),
            ("|2|192.0.2.1|2000|", Err(FamilyMismatch)),
            ("|1|::1|2000|", Err(FamilyMismatch)),
            ("|3|x|2000|", Err(UnknownFamily)),
            ("|1|192.0.2.1|0|", Err(PortZero)),
            ("|1|192.0.2.1|65536|", Err(TooLarge)),
            ("|1|192.0.2.1|2000", Err(Syntax)),
            ("|1|192.0.2.1|2000|x", Err(Syntax)),
            ("|1|192.0.2.256|2000|", Err(Syntax)),
            ("|2|fe80::1%eth0|2000|", Err(Syntax)),
            ("|1||2000|", Err(Syntax)),
            ("||192.0.2.1|2000|", Err(Syntax)),
            ("|1|192.0.2.1|-5|", Err(Syntax)),
            (".1.192.0.2.1.2000.", Err(Syntax)),
            ("\u{7f}1\u{7f}192.0.2.1\u{7f}2000\u{7f}", Err(Syntax)),
            ("|", Err(Syntax)),
            ("", Err(Syntax)),
        ] {
            check(shown(parse_eprt(argument.as_bytes())), expected, argument);
        }
    }

    #[test]
    fn reply_227() {
        for (text, expected) in [
            ("Entering Passive Mode (192,0,2,1,7,208).", Ok("192.0.2.1:2000")),
            ("Entering Passive Mode (192,0,2,1,7,208)", Ok("192.0.2.1:2000")),
            ("Entering Passive Mode 192,0,2,1,7,208", Ok("192.0.2.1:2000")),
            ("Passive mode =192,0,2,1,7,208", Ok("192.0.2.1:2000")),
            ("192,0,2,1,7,208 server v1, 2", Ok("192.0.2.1:2000")),
            ("(192, 0, 2, 1, 7, 208)", Ok("192.0.2.1:2000")),
            (
                "Using slave3 for upcoming transfer|Entering Passive Mode (192,0,2,1,7,208).",
                Ok("192.0.2.1:2000"),
            ),
            ("Passive (192,0,2,1,7,208)|x|done", Ok("192.0.2.1:2000")),
            ("(1,7,208)", Ok("*:2000")),
            ("(0,0,0,0,7,208)", Ok("*:2000")),
            ("([2001:db8::1],7,208)", Ok("[2001:db8::1]:2000")),
            ("1,2,3 then (192,0,2,1,7,208)", Ok("192.0.2.1:2000")),
            ("(192,0,2,1,0,0)", Err(PortZero)),
            ("(300,0,2,1,7,208)", Err(TooLarge)),
            ("(1,2,3,4,5,6,7)", Err(Syntax)),
            ("(3,7,208)", Err(Syntax)),
            ("([2001:db8::1],7)", Err(Syntax)),
            ("Entering Passive Mode", Err(Syntax)),
        ] {
            check(announced_in(parse_227(&reply(227, text))), expected, text);
        }
    }

    #[test]
    fn reply_229() {
        // `!` stands for `|` here, because `|` separates the lines.
        for (text, expected) in [
            ("Entering Extended Passive Mode (!!!50001!)", Ok("*:50001")),
            ("Extended (EPSV) mode (!!!50001!).", Ok("*:50001")),
            ("Entering Extended Passive Mode !!!50001!", Ok("*:50001")),
            ("ok (###50001#)", Ok("*:50001")),
            ("ok (!2!2001:db8::a!50001!)", Ok("[2001:db8::a]:50001")),
            ("ok (!1!192.0.2.1!50001!)", Ok("192.0.2.1:50001")),
            ("ok (!2!!50001!)", Ok("*:50001")),
            ("first|(!!!50001!)|done", Ok("*:50001")),
            ("ok (!1!2001:db8::a!50001!)", Err(FamilyMismatch)),
            ("ok (!3!x!50001!)", Err(UnknownFamily)),
            ("ok (!!!0!)", Err(PortZero)),
            ("ok (!!!70000!)", Err(TooLarge)),
            ("ok (!!!x!)", Err(Syntax)),
            ("ok (!!!5000", Err(Syntax)),
            ("(", Err(Syntax)),
            ("", Err(Syntax)),
        ] {
            check(announced_in(parse_229(&reply(229, text))), expected, text);
        }
    }

    #[test]
    fn lprt_and_228() {
        let v6 = "6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,7,208";
        for (argument, expected) in [
            ("4,4,192,0,2,1,2,7,208", Ok("192.0.2.1:2000")),
            (v6, Ok("[2001:db8::1]:2000")),
            ("4,4,192,0,2,1,2,0,0", Err(PortZero)),
            ("4,4,192,0,2,256,2,7,208", Err(TooLarge)),
            ("4,4,192,0,2,1,1,208", Err(Syntax)),
            ("5,4,192,0,2,1,2,7,208", Err(UnknownFamily)),
            ("4,5,192,0,2,1,2,7,208", Err(Syntax)),
            ("", Err(Syntax)),
        ] {
            check(shown(parse_lprt(argument.as_bytes())), expected, argument);
        }
        let place = parse_lprt(v6.as_bytes()).expect("an address");
        assert_eq!(place.to_lprt().as_bytes(), v6.as_bytes());
        assert_eq!(parse_228(&place.to_228()), Ok(place));
        assert_eq!(parse_228(&reply(228, "nothing")), Err(Syntax));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let v4 = HostPort::new(Ipv4Addr::new(192, 0, 2, 1).into(), 2000).expect("a port");
        let v6 = HostPort::new("2001:db8::1".parse().expect("an address"), 2000).expect("a port");
        let mapped = HostPort::new("::ffff:192.0.2.1".parse().expect("an address"), 2000).expect("a port");

        assert_eq!(v4.to_port(), Some("192,0,2,1,7,208".into()));
        assert_eq!(mapped.to_port(), v4.to_port());
        assert_eq!(v6.to_port(), None);
        assert_eq!(mapped.to_eprt(), "|1|192.0.2.1|2000|".into());
        assert_eq!(mapped.unmapped(), v4);

        for place in [v4, v6] {
            assert_eq!(parse_eprt(place.to_eprt().as_bytes()), Ok(place));
            assert_eq!(parse_lprt(place.to_lprt().as_bytes()), Ok(place));
            let full = Announced { ip: Some(place.ip), port: place.port };
            assert_eq!(parse_229(&place.to_229_with_address()), Ok(full));
            assert_eq!(parse_229(&place.to_229()), Ok(Announced { ip: None, ..full }));
        }
        let announced = Announced { ip: Some(v4.ip), port: v4.port };
        assert_eq!(parse_227(&v4.to_227().expect("IPv4")), Ok(announced));
        assert_eq!(v6.to_227(), None);
    }
}
