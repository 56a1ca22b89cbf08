//! One order: from the account to the certificate.

use super::{Acme, Responder};
use crate::private;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the authority may take for its questions, and then for the certificate.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).timeout(Duration::from_secs(120));

/// The file of the account.
const ACCOUNT: &str = "account.json";

/// What an authority says of an account that it does not know (RFC 8555 §6.7).
const FORGOTTEN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    #[error("the authority does not offer this challenge for {0}")]
    NoChallenge(String),
    #[error("the authority asks for the name {0}, which was not ordered")]
    OtherName(String),
    #[error("the authority did not find the names to be ours: {0}")]
    NotOurs(String),
    #[error("the challenge cannot be answered: {0}")]
    Answer(#[from] io::Error),
    #[error("it took too long")]
    Late,
    #[error("{path} cannot be written or read: {error}", path = .0.display(), error = .1)]
    Kept(PathBuf, io::Error),
    #[error("{path} is no account; remove it, and another one is made: {error}", path = .0.display(), error = .1)]
    Account(PathBuf, serde_json::Error),
}

/// Obtains a certificate: the chain and its key, in PEM.
pub(super) async fn obtain(
    acme: &Acme,
    folder: &Path,
    responder: &Responder,
    names: &[String],
) -> Result<String, OrderError> {
    let identifiers: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
    let wanted = NewOrder::new(&identifiers);
    let mut order = match account(acme, folder).await?.new_order(&wanted).await {
        Err(instant_acme::Error::Api(problem)) if problem.r#type.as_deref() == Some(FORGOTTEN) => {
            tracing::warn!("the authority does not know our account any more: another one is made");
            let file = folder.join(ACCOUNT);
            std::fs::remove_file(&file).map_err(|error| OrderError::Kept(file, error))?;
            account(acme, folder).await?.new_order(&wanted).await?
        }
        order => order?,
    };
    let mut answers = Vec::new();
    let done = answer(responder, &mut order, names, &mut answers).await;
    for answer in answers {
        responder.withdraw(answer).await;
    }
    done?;
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(chain + &key)
}

/// What the authority is to find for one name.
pub(super) struct Answer {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) authorization: instant_acme::KeyAuthorization,
}

async fn answer(
    responder: &Responder,
    order: &mut instant_acme::Order,
    names: &[String],
    answers: &mut Vec<Answer>,
) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = match authorization.identifier().identifier {
            Identifier::Dns(name) if is_ordered(name, names) => name.clone(),
            other => return Err(OrderError::OtherName(format!("{other:?}"))),
        };
        let mut challenge =
            authorization.challenge(responder.kind()).ok_or_else(|| OrderError::NoChallenge(name.clone()))?;
        let answer =
            Answer { name, token: challenge.token.clone(), authorization: challenge.key_authorization() };
        responder.offer(&answer).await?;
        answers.push(answer);
        challenge.set_ready().await?;
    }
    if order.poll_ready(&PATIENCE).await? == OrderStatus::Ready {
        return Ok(());
    }
    Err(OrderError::NotOurs(why(order).await))
}

/// The name of a wildcard comes without its star.
fn is_ordered(name: &str, names: &[String]) -> bool {
    names.iter().any(|ordered| ordered.strip_prefix("*.").unwrap_or(ordered).eq_ignore_ascii_case(name))
}

/// What the authority says about the names that it refused.
async fn why(order: &mut instant_acme::Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if let Ok(state) = authorization.refresh().await {
            reasons.extend(
                state
                    .challenges
                    .iter()
                    .filter_map(|challenge| challenge.error.as_ref())
                    .map(ToString::to_string),
            );
        }
    }
    if reasons.is_empty() { "it gives no reason".to_owned() } else { reasons.join("; ") }
}

/// The account, which is made on the first time and kept.
async fn account(acme: &Acme, folder: &Path) -> Result<Account, OrderError> {
    let builder = || match &acme.authorities {
        Some(file) => Account::builder_with_root(file),
        None => Account::builder(),
    };
    let file = folder.join(ACCOUNT);
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let known = serde_json::from_str(&text).map_err(|error| OrderError::Account(file, error))?;
            return Ok(builder()?.from_credentials(known).await?);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OrderError::Kept(file, error)),
    }
    let contact: Vec<&str> = acme.contact.as_deref().into_iter().collect();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder()?.create(&wanted, acme.directory.clone(), None).await?;
    let text =
        serde_json::to_string(&credentials).map_err(|error| OrderError::Account(file.clone(), error))?;
    private::write(&file, &text).map_err(|error| OrderError::Kept(file, error))?;
    Ok(account)
}

impl Responder {
    fn kind(&self) -> ChallengeType {
        match self {
            Responder::Http(_) => ChallengeType::Http01,
            Responder::TlsAlpn(_) => ChallengeType::TlsAlpn01,
            Responder::Dns(_) => ChallengeType::Dns01,
        }
    }

    async fn offer(&self, answer: &Answer) -> std::io::Result<()> {
        match self {
            Responder::Http(responder) => responder.offer(answer),
            Responder::TlsAlpn(responder) => responder.offer(answer)?,
            Responder::Dns(responder) => responder.offer(answer).await?,
        }
        Ok(())
    }

    async fn withdraw(&self, answer: Answer) {
        match self {
            Responder::Http(responder) => responder.withdraw(&answer),
            Responder::TlsAlpn(responder) => responder.withdraw(&answer),
            Responder::Dns(responder) => responder.withdraw(&answer).await,
        }
    }
}
