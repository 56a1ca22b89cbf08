//! `~/.netrc`: logins by host, as ftp(1) has always had them.

use std::path::PathBuf;

/// What it says of a host.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) account: Option<String>,
}

/// Where it is: where `NETRC` says, else in the home folder.
fn file() -> Option<PathBuf> {
    let named = std::env::var_os("NETRC").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".netrc")))
}

/// What it says of a host, and of this user there if one is given.
pub(super) fn find(host: &str, user: Option<&str>) -> Option<Login> {
    parse(&std::fs::read_to_string(file()?).ok()?, host, user)
}

fn parse(text: &str, host: &str, user: Option<&str>) -> Option<Login> {
    let mut found: Vec<(bool, Login)> = Vec::new();
    let mut in_macro = false;
    for line in text.lines() {
        // A macro ends with an empty line.
        if in_macro {
            in_macro = !line.trim().is_empty();
            continue;
        }
        let mut words = tokens(line).into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" => {
                    let own = words.next().is_some_and(|name| name.eq_ignore_ascii_case(host));
                    found.push((own, Login::default()));
                }
                "default" => found.push((true, Login::default())),
                "macdef" => {
                    in_macro = true;
                    break;
                }
                key => {
                    let Some((_, login)) = found.last_mut() else { continue };
                    match key {
                        "login" => login.user = words.next(),
                        "password" => login.password = words.next(),
                        "account" => login.account = words.next(),
                        _ => {}
                    }
                }
            }
        }
    }
    let fits = |login: &Login| user.is_none_or(|user| login.user.as_deref().is_none_or(|own| own == user));
    found.into_iter().find(|(own, login)| *own && fits(login)).map(|(_, login)| login)
}

/// Words, which may be in quotation marks; what comes after a word that begins with `#` is a comment, but for passwords.
fn tokens(line: &str) -> Vec<String> {
    let (mut tokens, mut rest) = (Vec::<String>::new(), line.trim_start());
    while !rest.is_empty() {
        if rest.starts_with('#') && tokens.last().is_none_or(|last| last != "password") {
            break;
        }
        let mut token = String::new();
        let mut characters = rest.char_indices();
        let quoted = rest.starts_with('"');
        if quoted {
            characters.next();
        }
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' if quoted => token.extend(characters.next().map(|(_, escaped)| escaped)),
                '"' if quoted => {
                    end = at + 1;
                    break;
                }
                blank if !quoted && blank.is_whitespace() => {
                    end = at;
                    break;
                }
                character => token.push(character),
            }
        }
        tokens.push(token);
        rest = rest[end..].trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_found_by_host_and_user() {
        let text = "# mine\nmachine a.example login anna password s#cret\n\
                    macdef init\nmachine b.example login trap\n\nmachine b.example\n  login otto\n  password \"two \\\"words\\\"\"\n\
                    machine b.example login eva password other account acc\ndefault login anonymous password guest";
        let login = |host, user| {
            let Login { user, password, account } = parse(text, host, user).unwrap();
            (user.unwrap_or_default(), password.unwrap_or_default(), account)
        };
        let own = |text: &str| text.to_owned();
        assert_eq!(login("A.example", None), (own("anna"), own("s#cret"), None));
        assert_eq!(login("b.example", None), (own("otto"), own("two \"words\""), None));
        assert_eq!(login("b.example", Some("eva")), (own("eva"), own("other"), Some(own("acc"))));
        assert_eq!(login("c.example", None), (own("anonymous"), own("guest"), None));
        assert_eq!(parse(text, "a.example", Some("otto")), None);
        assert_eq!(parse("", "a", None), None);
    }
}
