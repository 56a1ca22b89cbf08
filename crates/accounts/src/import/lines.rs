//! Lines of the formats.

use super::{Imported, Secret, Unclear};
use crate::{PasswordHash, Profile};
use std::path::PathBuf;

type Parsed = Result<Imported, String>;

/// Lines of passwd(5).
pub(super) fn passwd(fields: &[&str]) -> Parsed {
    let [name, hash, _, _, _, home, _] = fields else { return Err("it has not seven fields".to_owned()) };
    Ok(Imported { home: folder(home), ..user(name, hash)? })
}

/// Lines of `htpasswd`.
pub(super) fn htpasswd(fields: &[&str]) -> Parsed {
    match fields {
        [name, hash] => user(name, hash),
        _ => Err("it has not two fields".to_owned()),
    }
}

/// Lines of Pure-FTPd.
pub(super) fn pure_ftpd(fields: &[&str]) -> Parsed {
    let [
        name,
        hash,
        _,
        _,
        _,
        home,
        up,
        down,
        ratio_up,
        ratio_down,
        sessions,
        files,
        bytes,
        local,
        not_local,
        allow,
        deny,
        hours,
    ] = fields
    else {
        return Err("it has not eighteen fields".to_owned());
    };
    let mut imported = Imported { home: folder(home), ..user(name, hash)? };
    let hours = clock(hours)?;
    for (key, text) in [
        ("speed-up", up),
        ("speed-down", down),
        ("sessions", sessions),
        ("quota-files", files),
        ("quota-bytes", bytes),
        ("allow", allow),
        ("deny", deny),
        ("hours", &&*hours),
    ] {
        // Nothing, and 0, are no limit there.
        if !matches!(*text, "" | "0") {
            imported.profile.set(key, text).map_err(|problem| format!("{key}: {problem}"))?;
        }
    }
    let is_set = |text: &&str| !matches!(*text, "" | "0");
    if is_set(ratio_up) && is_set(ratio_down) {
        let ratio = format!("{ratio_up}:{ratio_down}");
        imported.profile.set("ratio", &ratio).map_err(|problem| format!("ratio: {problem}"))?;
    }
    if is_set(local) || is_set(not_local) {
        return Err("it is for some addresses of the server only, which is not known here".to_owned());
    }
    Ok(imported)
}

/// A name, and on the next line the password.
pub(super) fn pairs<'a>(mut lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Result<Imported, Unclear>> {
    let mut users = Vec::new();
    while let Some((line, name)) = lines.next() {
        let parsed = match lines.next() {
            Some((_, password)) => with(name, Secret::Clear(password.to_owned())),
            None => Err("the password is missing, which is on the next line".to_owned()),
        };
        users.push(parsed.map_err(|problem| Unclear { line, problem }));
    }
    users
}

fn user(name: &str, hash: &str) -> Parsed {
    let hash = PasswordHash::parse(hash)
        .map_err(|error| format!("the password of {}: {error}", name.escape_debug()))?;
    with(name, Secret::Hash(hash))
}

fn with(name: &str, password: Secret) -> Parsed {
    if name.is_empty() || name.contains(char::is_control) {
        return Err("the name is empty, or has control characters".to_owned());
    }
    Ok(Imported { name: name.to_owned(), password, home: None, profile: Profile::default() })
}

/// The folder that a home is; what is before `/./` is the root there.
fn folder(home: &str) -> Option<PathBuf> {
    let root = home.split("/./").next().unwrap_or(home);
    root.starts_with('/').then(|| root.into())
}

/// Pure-FTPd's `800-1800` as hours of every day.
fn clock(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let wrong = || format!("`{text}` is no time of the day");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let time = |text: &str| {
        let number: u16 = text.parse().ok()?;
        (number / 100 < 24 && number % 100 < 60).then(|| format!("{:02}:{:02}", number / 100, number % 100))
    };
    match (time(from), time(to)) {
        (Some(from), Some(to)) => Ok(format!("{from}-{to}")),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, import, import_groups};
    use super::*;
    use proptest::prelude::*;

    /// Of `secret`, by Pure-FTPd's own program.
    const PURE: &str =
        "$argon2id$v=19$m=8192,t=1023,p=1$v+jDSIB9pakkCU3L7rHMZw$/bLAcjDid/z3ZhDWo/QcAlZT99W32vq8mezxCGHOJRE";

    #[test]
    fn users_of_pure_ftpd_keep_their_limits() {
        let text = format!(
            "# users\nanna:{PURE}:1000:1000::/srv/anna/././:51200:102400:1:2:3:10:20971520:::192.0.2.0/24:192.0.2.9:800-1800\n\
             otto:{PURE}:1:1::/srv/otto::::::::::::\n\
             bad:{PURE}:1:1::/srv/bad::::::::::::0860-1800\n\
             few:{PURE}:1:1::/srv/few\n"
        );
        let users = import(Format::PureFtpd, &text);
        let anna = users[0].as_ref().unwrap();
        assert_eq!((anna.name.as_str(), anna.home.as_deref()), ("anna", Some("/srv/anna".as_ref())));
        let set: Vec<String> =
            anna.profile.texts().iter().map(|(key, text)| format!("{key}={text}")).collect();
        assert_eq!(
            set,
            [
                "allow=192.0.2.0/24",
                "deny=192.0.2.9/32",
                "hours=08:00-18:00",
                "sessions=3",
                "speed-up=50 KiB/s",
                "speed-down=100 KiB/s",
                "quota-bytes=20 MiB",
                "quota-files=10",
                "ratio=1:2",
            ]
        );
        assert_eq!(users[1].as_ref().unwrap().profile, Profile::default());
        assert_eq!(users[2].as_ref().unwrap_err().line, 4);
        assert_eq!(users[3].as_ref().unwrap_err().problem, "it has not eighteen fields");
    }

    #[test]
    fn users_of_others_are_read() {
        let md5 = "$1$saltsalt$9xy1btjgzLYfb7hivXtC//";
        let users = import(
            Format::Proftpd,
            &format!("anna:{md5}:1000:1000:Anna:/srv/anna:/bin/false\nroot::0:0::/:/bin/sh\nx:*:1:1::/:/x\n"),
        );
        assert_eq!(users[0].as_ref().unwrap().home, Some("/srv/anna".into()));
        assert!(users[1].is_err() && users[2].is_err(), "an empty hash is no password");
        let users = import(
            Format::Htpasswd,
            &format!("anna:{md5}\notto:$apr1$x$y\nkarl:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\n"),
        );
        assert!(users[0].is_ok() && users[1].is_err() && users[2].is_ok());
        let users = import(Format::Vsftpd, "anna\nsecret\notto\n");
        assert_eq!(users[0].as_ref().unwrap().password, Secret::Clear("secret".to_owned()));
        assert!(users[1].is_err());
        let groups = import_groups("staff:x:100:anna,otto\nempty:x:101:\n").unwrap();
        assert_eq!(groups[0], ("staff".to_owned(), vec!["anna".to_owned(), "otto".to_owned()]));
        assert!(groups[1].1.is_empty() && import_groups("staff").is_err());
    }

    proptest! {
        #[test]
        fn t24_any_text_is_a_user_or_a_problem(text in "\\PC*(\n\\PC*){0,5}", fields in proptest::collection::vec("[0-9a-z:./-]{0,6}", 18)) {
            for format in [Format::Proftpd, Format::PureFtpd, Format::Vsftpd, Format::Htpasswd] {
                import(format, &text);
            }
            // With a good hash, whatever else is there.
            let line = format!("anna:{PURE}:1:1::/srv:{}", fields[..12].iter().map(|field| field.replace(':', "")).collect::<Vec<_>>().join(":"));
            if let Ok(user) = &import(Format::PureFtpd, &line)[0] {
                let restricted = fields[11].replace(':', "");
                prop_assert!(restricted.is_empty() || restricted == "0" || user.profile.hours.is_some());
            }
        }
    }
}
