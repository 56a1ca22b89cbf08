//! What each verb does: one file for each. [`VERBS`](super::VERBS) says which are offered and when.

pub(super) mod abor;
pub(super) mod acct;
pub(super) mod allo;
pub(super) mod appe;
pub(super) mod auth;
pub(super) mod avbl;
pub(super) mod ccc;
pub(super) mod cdup;
pub(super) mod clnt;
pub(super) mod comb;
pub(super) mod cpsv;
pub(super) mod csid;
pub(super) mod cwd;
pub(super) mod dele;
pub(super) mod dsiz;
pub(super) mod eprt;
pub(super) mod epsv;
pub(super) mod feat;
pub(super) mod hash;
pub(super) mod help;
pub(super) mod host;
pub(super) mod lang;
pub(super) mod list;
pub(super) mod lprt;
pub(super) mod lpsv;
pub(super) mod md5;
pub(super) mod mdtm;
pub(super) mod mfct;
pub(super) mod mff;
pub(super) mod mfmt;
pub(super) mod mkd;
pub(super) mod mlsd;
pub(super) mod mlst;
pub(super) mod mode;
pub(super) mod nlst;
pub(super) mod noop;
pub(super) mod opts;
pub(super) mod pass;
pub(super) mod pasv;
pub(super) mod pbsz;
pub(super) mod port;
pub(super) mod prot;
pub(super) mod pwd;
pub(super) mod quit;
pub(super) mod rein;
pub(super) mod rest;
pub(super) mod retr;
pub(super) mod rmd;
pub(super) mod rmda;
pub(super) mod rnfr;
pub(super) mod rnto;
pub(super) mod site;
pub(super) mod size;
pub(super) mod sscn;
pub(super) mod stat;
pub(super) mod stor;
pub(super) mod stou;
pub(super) mod stru;
pub(super) mod syst;
pub(super) mod r#type;
pub(super) mod user;
pub(super) mod xcrc;
pub(super) mod xmd5;
pub(super) mod xsha;
pub(super) mod xsha256;
pub(super) mod xsha512;

use super::effect::{Effect, Outcome, Storage};
use super::replies;
use super::session::Step;
use portolan_wire::Reply;

/// A change of storage that is answered with 250.
fn done(change: Storage, text: &'static str) -> Step {
    done_with(change, replies::file_done(text))
}

/// A change of storage, and the reply when it is done.
fn done_with(change: Storage, reply: Reply) -> Step {
    let then = move |_: &mut super::Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Done => reply,
            outcome => replies::other(&outcome),
        })
    };
    Step::Start(Effect::Storage(change), Box::new(then))
}

/// A question to storage that is answered with a number.
fn number_of(question: Storage) -> Step {
    let then = |_: &mut super::Session, outcome| {
        Step::Reply(match outcome {
            Outcome::Number(number) => replies::number(number),
            outcome => replies::other(&outcome),
        })
    };
    Step::Start(Effect::Storage(question), Box::new(then))
}

/// The first word, and what follows the space behind it.
fn split_word(argument: &[u8]) -> (&[u8], &[u8]) {
    match argument.iter().position(|byte| *byte == b' ') {
        Some(space) => (&argument[..space], &argument[space + 1..]),
        None => (argument, b""),
    }
}

/// A name in double quotes at the beginning, and what follows it. A doubled quote is a quote.
fn unquote(argument: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = argument.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        let quote = rest.iter().position(|byte| *byte == b'"')?;
        name.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                name.push(b'"');
                rest = after;
            }
            None => return Some((name, rest)),
        }
    }
}

/// Permission bits in octal. Those that change who a program runs as are never set.
fn mode_bits(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|_| text.len() <= 4 && !text.starts_with('+'))
        .filter(|mode| *mode <= 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_undoubled() {
        assert_eq!(unquote(b"\"a\"\"b\" 1 2"), Some((b"a\"b".to_vec(), &b" 1 2"[..])));
        assert_eq!(unquote(b"a"), None);
        assert_eq!(unquote(b"\"a"), None);
    }

    #[test]
    fn t16_set_user_id_is_no_mode() {
        assert_eq!(mode_bits("0644"), Some(0o644));
        for bad in ["4755", "+644", "8", "", "-1", "00644", "77777777777"] {
            assert_eq!(mode_bits(bad), None, "{bad}");
        }
    }
}
