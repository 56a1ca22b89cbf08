//! `FEAT`: the extensions (RFC 2389 §3). `UTF8` and `TVFS` are properties of this server rather than
//! verbs (RFC 2640 §3.1, RFC 3659 §6).

use crate::server::VERBS;
use crate::server::replies;
use crate::server::session::{Answer, Session, Step};
use crate::server::settings::TlsPolicy;
use portolan_wire::Verb;

pub(crate) fn run(session: &mut Session, _: &[u8]) -> Answer {
    let offered = |verb: Verb| match verb {
        Verb::Auth | Verb::Pbsz | Verb::Prot => session.tls != TlsPolicy::Off,
        Verb::Ccc => session.settings.clear_control && session.tls == TlsPolicy::Offer,
        // Before the login nobody knows whether there will be the right to it.
        Verb::Cpsv | Verb::Sscn => {
            session.tls != TlsPolicy::Off
                && (session.login.logged_in().is_err() || session.may_meet_servers())
        }
        Verb::Epsv | Verb::Eprt => !session.quirks.not_extended,
        _ => true,
    };
    let entries = VERBS.iter().filter(|entry| offered(entry.verb));
    let mut features: Vec<String> =
        entries.filter_map(|entry| entry.feature.map(|feature| feature(session))).collect();
    features.push("MODE Z".to_owned());
    features.push("TVFS".to_owned());
    features.extend(session.settings.utf8.then(|| "UTF8".to_owned()));
    features.sort();
    Ok(Step::Reply(replies::features(features)))
}
