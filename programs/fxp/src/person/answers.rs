//! What a person has answered, so that nobody asks again: for the process in the background, where nobody can be
//! asked. It goes there through a pipe, and is written nowhere.

use std::sync::Mutex;

use fxp_proto::wire::secret::Secret;
use zeroize::Zeroizing;

/// Answers that were given in this process, or in the one that started it.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<Vec<Answer>>);

#[derive(Debug)]
enum Answer {
    Password {
        host: String,
        user: String,
        password: Secret,
    },
    /// A password may go to this host in clear.
    InClear {
        host: String,
    },
}

impl Answers {
    pub(crate) fn remember_password(&self, host: &str, user: &str, password: &Secret) {
        let (host, user) = (host.to_owned(), user.to_owned());
        self.add(Answer::Password { host, user, password: password.clone() });
    }

    pub(crate) fn remember_clear(&self, host: &str) {
        self.add(Answer::InClear { host: host.to_owned() });
    }

    pub(crate) fn password(&self, of_host: &str, of_user: &str) -> Option<Secret> {
        self.0.lock().expect("no holder of the lock panics").iter().find_map(|answer| match answer {
            Answer::Password { host, user, password } if host == of_host && user == of_user => {
                Some(password.clone())
            }
            _ => None,
        })
    }

    pub(crate) fn goes_in_clear(&self, to: &str) -> bool {
        let answers = self.0.lock().expect("no holder of the lock panics");
        answers.iter().any(|answer| matches!(answer, Answer::InClear { host } if host == to))
    }

    /// As they go through the pipe: one on each line, its parts between NULs.
    pub(crate) fn pack(&self) -> Zeroizing<Vec<u8>> {
        let mut packed = Zeroizing::new(Vec::new());
        for answer in self.0.lock().expect("no holder of the lock panics").iter() {
            let parts: Vec<&[u8]> = match answer {
                Answer::Password { host, user, password } => {
                    vec![host.as_bytes(), user.as_bytes(), password.expose()]
                }
                Answer::InClear { host } => vec![host.as_bytes()],
            };
            packed.extend(parts.join(&0));
            packed.push(b'\n');
        }
        packed
    }

    /// What comes out of the pipe.
    pub(crate) fn unpack(&self, packed: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for line in packed.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match line.splitn(3, |&byte| byte == 0).collect::<Vec<_>>().as_slice() {
                [host, user, password] => self.add(Answer::Password {
                    host: text(host),
                    user: text(user),
                    password: Secret::new(*password),
                }),
                [host] => self.add(Answer::InClear { host: text(host) }),
                _ => {}
            }
        }
    }

    fn add(&self, answer: Answer) {
        self.0.lock().expect("no holder of the lock panics").push(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_reach_the_other_process_whole() {
        let asked = Answers::default();
        asked.remember_password("a:21", "ann", &Secret::new(b"se\0cret".as_slice()));
        asked.remember_password("b:21", "bob", &Secret::new(b"".as_slice()));
        asked.remember_clear("c:21");
        let other = Answers::default();
        other.unpack(&asked.pack());
        let password = |host, user| other.password(host, user).map(|password| password.expose().to_vec());
        assert_eq!(password("a:21", "ann").as_deref(), Some(b"se\0cret".as_slice()));
        assert_eq!(password("b:21", "bob").as_deref(), Some(b"".as_slice()));
        assert_eq!(password("a:21", "bob"), None);
        assert!(other.goes_in_clear("c:21") && !other.goes_in_clear("a:21"));
        other.unpack(b"");
        assert_eq!(other.pack(), asked.pack());
    }
}
