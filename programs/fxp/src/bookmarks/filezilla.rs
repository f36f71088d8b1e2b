//! FileZilla's `sitemanager.xml`: `Server` elements, in `Folder` elements whose first text is their name.

use base64ct::{Base64, Encoding};
use fxp_engine::site::{Site, TlsMode};
use fxp_proto::wire::secret::Secret;
use roxmltree::{Document, Node, ParsingOptions};

use super::{Bookmark, Login, host_of, port_of, user_of};

/// More elements are no list of servers.
const MAX_NODES: u32 = 1_000_000;

pub(super) fn read(text: &str) -> Result<Vec<Bookmark>, String> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !root.has_tag_name("FileZilla3") {
        return Err(format!("its root element is {}, not FileZilla3", root.tag_name().name()));
    }
    Ok(root.descendants().filter(|node| node.has_tag_name("Server")).map(bookmark).collect())
}

fn bookmark(server: Node<'_, '_>) -> Bookmark {
    let mut folders: Vec<String> = server
        .ancestors()
        .filter(|node| node.has_tag_name("Folder"))
        .map(|folder| folder.text().unwrap_or_default().trim().to_owned())
        .collect();
    folders.reverse();
    // Lists of servers that were used lately have no names.
    let name = child(server, "Name").or_else(|| child(server, "Host")).unwrap_or_default();
    Bookmark { folders, name, content: login(server) }
}

fn login(server: Node<'_, '_>) -> Result<Login, String> {
    let protocol = child(server, "Protocol").unwrap_or_else(|| "0".into());
    let tls = match protocol.as_str() {
        "0" => None,
        "3" => Some(TlsMode::Implicit),
        "4" => Some(TlsMode::Require),
        "6" => Some(TlsMode::Off),
        other => return Err(format!("{} is not FTP", protocol_name(other))),
    };
    let usual = if tls == Some(TlsMode::Implicit) { 990 } else { 21 };
    let mut notes = Vec::new();
    let root = child(server, "RemoteDir").and_then(|safe| {
        let path = path_of(&safe);
        if path.is_none() {
            notes.push("its directory is not written as Unix paths are, and was not taken over".into());
        }
        path
    });
    let site = Site {
        host: host_of(&child(server, "Host").ok_or("it names no server")?)?,
        port: child(server, "Port").map(|port| port_of(&port, usual)).transpose()?.flatten(),
        user: user(server)?,
        tls,
        root,
        ..Site::default()
    };
    let password = password(server, &mut notes);
    Ok(Login { site, password, notes })
}

/// How FileZilla numbers what it speaks.
fn protocol_name(number: &str) -> &str {
    match number {
        "1" => "SFTP",
        "2" => "HTTP",
        "5" => "HTTPS",
        "7" => "S3",
        "8" | "21" => "Storj",
        "9" | "19" => "WebDAV",
        "10" | "11" => "Azure",
        "12" | "20" => "Swift",
        "13" | "14" => "Google's storage",
        "15" => "Dropbox",
        "16" => "OneDrive",
        "17" => "B2",
        "18" => "Box",
        _ => "its protocol",
    }
}

/// Logon type 0 is `anonymous`, without a name.
fn user(server: Node<'_, '_>) -> Result<Option<String>, String> {
    match (child(server, "Logontype").as_deref(), child(server, "User")) {
        (Some("0"), _) => Ok(Some("anonymous".into())),
        (_, user) => user.as_deref().map(user_of).transpose(),
    }
}

fn password(server: Node<'_, '_>, notes: &mut Vec<String>) -> Option<Secret> {
    // A guest's password is an address that nobody checks.
    if child(server, "Logontype").as_deref() == Some("0") {
        return None;
    }
    let element = server.children().find(|node| node.has_tag_name("Pass"))?;
    let text = element.text().filter(|text| !text.is_empty())?;
    match element.attribute("encoding") {
        // Very old lists.
        None => Some(Secret::new(text)),
        Some("base64") => match Base64::decode_vec(text.trim()) {
            Ok(password) => Some(Secret::new(password)).filter(|secret| !secret.expose().is_empty()),
            Err(_) => {
                notes.push("its password is garbled".into());
                None
            }
        },
        Some(_) => {
            notes.push("its password can only be read with FileZilla's master password".into());
            None
        }
    }
}

/// FileZilla's own way to write a path: the kind of system, the length of a prefix and the prefix, and
/// for each directory its length and its name.
fn path_of(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix("1 0").or_else(|| text.strip_prefix("0 0"))?;
    let mut path = String::new();
    while !rest.is_empty() {
        let (length, names) = rest.strip_prefix(' ')?.split_once(' ')?;
        let length: usize = length.parse().ok()?;
        let end = names.char_indices().map(|(at, _)| at).chain([names.len()]).nth(length)?;
        path.push('/');
        path.push_str(&names[..end]);
        rest = &names[end..];
    }
    Some(if path.is_empty() { "/".into() } else { path })
}

/// The text of a child, if there is any.
fn child(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = node.children().find(|node| node.has_tag_name(name))?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<FileZilla3 version="3.63.0" platform="*nix">
	<Servers>
		<Folder expanded="1">Work &amp; play
			<Folder expanded="0">Old
				<Server>
					<Host>ftp.example.org</Host>
					<Port>21</Port>
					<Protocol>4</Protocol>
					<Type>0</Type>
					<User>ann</User>
					<Pass encoding="base64">c2VzYW1lIMO8</Pass>
					<Logontype>1</Logontype>
					<PasvMode>MODE_DEFAULT</PasvMode>
					<EncodingType>Auto</EncodingType>
					<BypassProxy>0</BypassProxy>
					<Name>Müller</Name>
					<RemoteDir>1 0 4 home 8 ann höhe</RemoteDir>
					<SyncBrowsing>0</SyncBrowsing>
				</Server>
			</Folder>
		</Folder>
		<Server><Host>2001:db8::1</Host><Port>990</Port><Protocol>3</Protocol><User>bob</User>
			<Pass encoding="crypt" pubkey="x">zzz</Pass><Logontype>1</Logontype><Name>six</Name></Server>
		<Server><Host>h</Host><Port>2121</Port><Protocol>6</Protocol><Logontype>0</Logontype>
			<Pass encoding="base64">eA==</Pass><Name>guest</Name><RemoteDir>1 0</RemoteDir></Server>
		<Server><Host>h</Host><Protocol>0</Protocol><User>eve</User><Logontype>2</Logontype>
			<RemoteDir>3 0 2 C: 4 home</RemoteDir></Server>
		<Server><Host>h</Host><Port>22</Port><Protocol>1</Protocol><Name>ssh</Name></Server>
		<Server><Host>h</Host><Port>0</Port><Name>odd</Name></Server>
		<Server><Name>void</Name></Server>
	</Servers>
</FileZilla3>"#;

    #[test]
    fn a_site_manager_with_folders_and_all_protocols() {
        let read: Vec<String> = read(SAMPLE)
            .expect("it is XML")
            .iter()
            .map(|bookmark| match &bookmark.content {
                Err(why) => format!("{} left out: {why}", bookmark.title()),
                Ok(Login { site, password, notes }) => format!(
                    "{} {:?} {} {:?} {:?} {:?} {:?} {}",
                    bookmark.title(),
                    site.user.as_deref().unwrap_or_default(),
                    site.host,
                    site.port,
                    site.tls,
                    site.root.as_deref().unwrap_or_default(),
                    password.as_ref().map_or("", |secret| str::from_utf8(secret.expose()).unwrap()),
                    notes.len(),
                ),
            })
            .collect();
        assert_eq!(
            read,
            [
                "Work & play/Old/Müller \"ann\" ftp.example.org None Some(Require) \"/home/ann höhe\" \"sesame ü\" 0",
                "six \"bob\" 2001:db8::1 None Some(Implicit) \"\" \"\" 1",
                "guest \"anonymous\" h Some(2121) Some(Off) \"/\" \"\" 0",
                "h \"eve\" h None None \"\" \"\" 1",
                "ssh left out: SFTP is not FTP",
                "odd left out: \"0\" is no port",
                "void left out: it names no server",
            ]
        );
    }

    #[test]
    fn what_is_no_site_manager_is_said_to_be_none() {
        for text in
            ["", "<a>", "<html></html>", "<!DOCTYPE x [<!ENTITY a \"b\">]><FileZilla3>&a;</FileZilla3>"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn broken_paths_are_none() {
        for text in ["", "1", "1 0 4", "1 0 9 home", "1 0 x home", "1 2 C: 4 home", "1 0 4 homeX"] {
            assert_eq!(path_of(text), None, "{text:?}");
        }
    }
}
