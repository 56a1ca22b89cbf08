//! The keys of the file, as the code has them, for people to read.

use crate::{acme, confine, device, file, host, log, login, person, reach, tls};
use portolan_accounts::SETTINGS;
use std::fmt::Write;

/// A key of a table.
pub(crate) struct Key {
    /// The name of its field.
    pub(crate) field: &'static str,
    /// The type of that.
    pub(crate) kind: &'static str,
    /// What it means.
    pub(crate) about: &'static str,
}

/// Defines a table of the file: what `serde` reads, and what is told of it.
macro_rules! table {
    (
        #[doc = $about:literal]
        $(#[derive($derive:ident)])?
        $vis:vis struct $name:ident {
            $(#[doc = $doc:literal] $(#[serde($($serde:tt)*)])? $field:ident: $kind:ty,)*
        }
    ) => {
        #[doc = $about]
        #[derive(serde::Deserialize $(, $derive)?)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        $vis struct $name {
            $(#[doc = $doc] $(#[serde($($serde)*)])? $field: $kind,)*
        }

        impl $name {
            /// What is told of it.
            pub(crate) const ABOUT: (&'static str, &'static [$crate::reference::Key]) = (
                $about,
                &[$($crate::reference::Key {
                    field: stringify!($field),
                    kind: stringify!($kind),
                    about: $doc,
                },)*],
            );
        }
    };
}
pub(crate) use table;

impl Key {
    /// The name, as it is written.
    fn name(&self) -> String {
        self.field.trim_start_matches('_').replace('_', "-")
    }

    /// What is written for it.
    fn value(&self) -> &'static str {
        // The order matters: a list of texts is a list.
        let kinds = [
            ("Table", "table"),
            ("DynamicDns", "table"),
            ("IgnoredAny", "table"),
            ("bool", "true or false"),
            ("Methods", "true, or a list"),
            ("OneOrMore", "text, or a list"),
            ("Vec", "list"),
            ("u64", "number"),
            ("u32", "number"),
            ("usize", "number"),
            ("PathBuf", "path"),
            ("TextOrPort", "text or number"),
        ];
        kinds.iter().find(|(part, _)| self.kind.contains(part)).map_or("text", |(_, value)| value)
    }
}

/// All keys, as a page in Markdown.
pub fn reference() -> String {
    let mut page = "# All keys of the configuration file\n\n\
        `portolan config reference` prints this. [configuration.md](configuration.md) has examples and says more.\n"
        .to_owned();
    for (about, keys) in [
        file::File::ABOUT,
        file::LimitsTable::ABOUT,
        file::AccessTable::ABOUT,
        file::BansTable::ABOUT,
        confine::Table::ABOUT,
        tls::Table::ABOUT,
        acme::Table::ABOUT,
        host::Table::ABOUT,
        reach::DynamicDns::ABOUT,
        log::LogTable::ABOUT,
        log::HookTable::ABOUT,
        device::Table::ABOUT,
    ] {
        heading(about, "| key | value | what it means |\n| --- | --- | --- |\n", &mut page);
        for key in keys {
            row(&[&format!("`{}`", key.name()), key.value(), key.about.trim()], &mut page);
        }
    }
    let folders = person::FOLDER_KEYS.iter().copied();
    let settings = || SETTINGS.iter().map(|(key, about)| (*key, *about));
    let groups = [("groups", "Groups to be a member of; what the first one sets comes before the second.")];
    let user = [
        ("name", "What USER says."),
        ("password", "The hash of the password, as `portolan user hash` prints it."),
    ];
    let total = [
        ("name", "What members call it."),
        ("total-speed-up", "How fast all members may upload together."),
        ("total-speed-down", "How fast all members may download together."),
    ];
    for (about, keys) in [
        (
            "`[[user]]`: a user. `[anonymous]` has the same but `name` and `password`.",
            [&user[..], &groups].concat(),
        ),
        ("`[[group]]`: what its members have in common.", total.to_vec()),
        (
            "`[[login]]`: others who know users. What all of them have besides is written as for a user.",
            [login::LDAP, login::HTTP, login::PAM].concat(),
        ),
    ] {
        let people = !about.contains("login");
        let more: Vec<_> = if people { folders.clone().chain(settings()).collect() } else { groups.to_vec() };
        named(about, keys.into_iter().chain(more), &mut page);
    }
    let about = "`[[user.mount]]`, `[[group.mount]]`: a folder, and where it is seen.";
    named(about, person::MOUNT_KEYS.iter().copied(), &mut page);
    page
}

/// A table whose values are all written as texts, numbers, or true and false.
fn named(about: &str, keys: impl Iterator<Item = (&'static str, &'static str)>, page: &mut String) {
    heading(about, "| key | what it means |\n| --- | --- |\n", page);
    for (key, about) in keys {
        row(&[&format!("`{key}`"), about.trim()], page);
    }
}

fn heading(about: &str, columns: &str, page: &mut String) {
    let about = about.trim();
    // A text takes everything.
    let _ = match about.split_once(": ") {
        None => writeln!(page, "\n## {}\n", about.trim_end_matches('.')),
        Some((title, about)) => writeln!(page, "\n## {title}\n\n{}\n", upper(about)),
    };
    page.push_str(columns);
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn row(cells: &[&str], page: &mut String) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}
