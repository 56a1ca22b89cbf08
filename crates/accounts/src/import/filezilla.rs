//! Users of FileZilla Server, as its `users.xml` has them since version 1.

use super::{Imported, Secret, Unclear};
use crate::{Mount, PasswordHash, Profile};
use portolan_vfs::{Right, Rights};
use portolan_wire::VirtualPath;
use roxmltree::{Document, Node};

type Parsed<T> = Result<T, String>;

/// What stands for the user's name in its paths, and in ours.
const USER: (&str, &str) = ("%<user>", "{user}");

pub(super) fn users(text: &str) -> Vec<Result<Imported, Unclear>> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let line = usize::try_from(error.pos().row).unwrap_or(0);
            return vec![Err(Unclear { line, problem: format!("this is no XML: {error}") })];
        }
    };
    let users = document.root_element().children().filter(|node| node.has_tag_name_like("user"));
    let parse = |node: Node<'_, '_>| {
        let line = usize::try_from(document.text_pos_at(node.range().start).row).unwrap_or(0);
        user(node).map_err(|problem| Unclear { line, problem })
    };
    users.map(parse).collect()
}

trait Like {
    /// True for an element of this name, in whatever namespace.
    fn has_tag_name_like(&self, name: &str) -> bool;
}

impl Like for Node<'_, '_> {
    fn has_tag_name_like(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn user(node: Node<'_, '_>) -> Parsed<Imported> {
    let name = node.attribute("name").unwrap_or_default();
    if name.is_empty() || name.contains(char::is_control) {
        return Err("the name is empty, or has control characters".to_owned());
    }
    let named = |problem: String| format!("{}: {problem}", name.escape_debug());
    parts(node).map_err(named).map(|(password, profile)| Imported {
        name: name.to_owned(),
        password: Secret::Hash(password),
        home: None,
        profile,
    })
}

fn parts(node: Node<'_, '_>) -> Parsed<(PasswordHash, Profile)> {
    let (mut hash, mut profile) = (None, Profile::default());
    match node.attribute("enabled") {
        Some("true") | None => {}
        Some(_) => profile.set("enabled", "false")?,
    }
    for part in node.children().filter(Node::is_element) {
        let words: Vec<&str> = part.text().unwrap_or_default().split_whitespace().collect();
        let text = &*words.join(" ");
        match part.tag_name().name() {
            "mount_point" => profile.mounts.extend(mount(part)?),
            "password" => hash = password(part)?,
            "allowed_ips" if !text.is_empty() => profile.set("allow", text)?,
            "disallowed_ips" if !text.is_empty() => profile.set("deny", text)?,
            "session_count_limit" if text != "unlimited" => profile.set("sessions", text)?,
            "rate_limits" | "session_open_limits" => unlimited(part)?,
            "methods" if text != "1" => {
                return Err("it does not log in by a password alone, which is not known here".to_owned());
            }
            "allowed_ips" | "disallowed_ips" | "session_count_limit" | "description" | "methods" => {}
            other => return Err(format!("it has `{}`, which is not known here", other.escape_debug())),
        }
    }
    if profile.allow.is_some() && profile.deny.is_some() {
        return Err("it has addresses that are allowed and others that are not; set them by hand".to_owned());
    }
    Ok((hash.ok_or("it has no password")?, profile))
}

/// Sees that nothing is limited there: it is not known in which unit.
fn unlimited(part: Node<'_, '_>) -> Parsed<()> {
    match part.attributes().find(|limit| !matches!(limit.value(), "unlimited" | "")) {
        None => Ok(()),
        Some(limit) => {
            let (part, name) = (part.tag_name().name(), limit.name().escape_debug().to_string());
            Err(format!("{part} limits `{name}`; set it by hand"))
        }
    }
}

fn password(part: Node<'_, '_>) -> Parsed<Option<PasswordHash>> {
    let child = |name: &str| {
        let node = part.children().find(|node| node.has_tag_name_like(name));
        node.and_then(|node| node.text()).map(|text| text.trim().trim_end_matches('='))
    };
    let (Some(hash), Some(salt), Some(rounds)) = (child("hash"), child("salt"), child("iterations")) else {
        return Ok(None);
    };
    let text = format!("$pbkdf2-sha256$i={rounds}${salt}${hash}");
    PasswordHash::parse(&text)
        .map(Some)
        .map_err(|_| "its password is hashed in a way that is not known".to_owned())
}

/// A folder, unless nobody may use it.
fn mount(part: Node<'_, '_>) -> Parsed<Option<Mount>> {
    let of = |name: &str| part.attribute(name).unwrap_or_default();
    let native = if of("new_native_path").is_empty() { of("native_path") } else { of("new_native_path") };
    let folder = native.replace(USER.0, USER.1);
    if !folder.starts_with('/') || folder.contains("%<") {
        return Err(format!("`{}` is no folder of this system", native.escape_debug()));
    }
    let at = VirtualPath::root().join(of("tvfs_path").as_bytes()).map_err(|error| error.to_string())?;
    let in_files = Rights::of(&[Right::Read, Right::Write, Right::Append, Right::Delete, Right::List]);
    let (rights, subfolders) = match (of("access"), of("recursive")) {
        ("0", recursive @ ("0" | "1" | "2")) => (Rights::READ_ONLY, recursive != "0"),
        ("1", "0") => (in_files, false),
        ("1", "1") => (in_files, true),
        ("1", "2") => (Rights::FULL, true),
        ("2", _) => return Ok(None),
        _ => return Err("what may be done in its folder is not known here".to_owned()),
    };
    let root = Mount::root(folder, rights);
    // The lowest bit of the flags has it made.
    let make = root.make || of("flags").parse::<u32>().is_ok_and(|flags| flags & 1 == 1);
    Ok(Some(Mount { at, subfolders, make, ..root }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(users: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<filezilla xmlns:fz="https://filezilla-project.org" xmlns="https://filezilla-project.org" fz:product_version="1.8.0">
<default_impersonator index="0" enabled="false"><name></name><password></password></default_impersonator>
{users}</filezilla>"#
        )
    }

    fn anna(more: &str, folder: &str, access: u8, recursive: u8) -> String {
        file(&format!(
            r#"<user name="anna" enabled="true">
<mount_point tvfs_path="/" access="{access}" native_path="" new_native_path="{folder}" recursive="{recursive}" flags="0" />
<rate_limits inbound="unlimited" outbound="unlimited" session_inbound="unlimited" session_outbound="unlimited" />
<allowed_ips>192.0.2.0/24</allowed_ips><disallowed_ips></disallowed_ips>
<session_open_limits files="unlimited" directories="unlimited" />
<session_count_limit>7</session_count_limit><description>Anna</description>
<password index="1"><hash>leGl50Gx5PETct7pqtfutZtDkAlSNj7hh+CYiBOaPzQ</hash>
<salt>AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8</salt><iterations>100000</iterations></password>
<methods>1</methods>{more}</user>
"#
        ))
    }

    #[tokio::test]
    async fn a_user_keeps_password_folders_and_limits() {
        for (access, recursive, rights, subfolders) in [
            (0, 2, "read list", true),
            (1, 0, "read write append delete list", false),
            (1, 1, "read write append delete list", true),
            (1, 2, "read write append delete list make-folders remove-folders", true),
        ] {
            let all = users(&anna("", "/srv/%&lt;user>", access, recursive));
            let anna = all[0].as_ref().unwrap();
            let mount = &anna.profile.mounts[0];
            assert_eq!((mount.folder.to_str(), mount.subfolders), (Some("/srv/{user}"), subfolders));
            assert_eq!(mount.rights, Rights::parse(rights).unwrap());
            let set: Vec<String> =
                anna.profile.texts().iter().map(|(key, text)| format!("{key}={text}")).collect();
            assert_eq!(set, ["allow=192.0.2.0/24", "sessions=7"]);
            let Secret::Hash(hash) = &anna.password else { panic!("it is hashed") };
            let checker = crate::password::Checker::new();
            assert!(checker.check(b"secret", Some(hash)).await.right);
            assert!(!checker.check(b"Secret", Some(hash)).await.right);
            assert!(hash.is_dated());
        }
    }

    #[test]
    fn who_cannot_be_understood_in_full_is_none() {
        for (text, problem) in [
            (anna("", r"E:\Private", 1, 2), "is no folder of this system"),
            (anna("", "/srv", 1, 3), "what may be done in its folder"),
            (anna("<impersonation login_only=\"false\" />", "/srv", 1, 2), "it has `impersonation`"),
            (anna("<disallowed_ips>192.0.2.9\n192.0.2.8</disallowed_ips>", "/srv", 1, 2), "set them by hand"),
            (anna("<methods>3</methods>", "/srv", 1, 2), "by a password alone"),
            (anna("<rate_limits inbound=\"5\" />", "/srv", 1, 2), "rate_limits limits `inbound`"),
            (
                file("<user name=\"ftp\" enabled=\"true\"><password index=\"0\" /></user>"),
                "it has no password",
            ),
            (file("<user name=\"\" />"), "the name is empty"),
            ("<filezilla><user".to_owned(), "this is no XML"),
        ] {
            let said = users(&text)[0].as_ref().unwrap_err().to_string();
            assert!(said.contains(problem), "{said}");
        }
    }

    proptest! {
        #[test]
        fn t24_any_text_is_users_or_a_problem(text: String, more: String) {
            users(&text);
            users(&anna(&more, "/srv", 1, 2));
        }
    }
}
