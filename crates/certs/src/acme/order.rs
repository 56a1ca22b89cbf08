//! One order: from the account to the certificate.

use super::{Acme, Responder, keep};
use crate::CertError;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use std::path::Path;
use std::time::Duration;

/// How long the authority may take for its questions, and then for the certificate.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).timeout(Duration::from_secs(120));

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    #[error("the authority does not offer this challenge for {0}")]
    NoChallenge(String),
    #[error("the authority did not find the names to be ours: {0}")]
    NotOurs(String),
    #[error("the challenge cannot be answered: {0}")]
    Answer(#[from] std::io::Error),
    #[error(transparent)]
    Kept(#[from] CertError),
    #[error("{path}: not the account that was written there: {error}", path = .0.display(), error = .1)]
    Account(std::path::PathBuf, serde_json::Error),
}

/// Obtains a certificate: the chain and its key, in PEM.
pub(super) async fn obtain(
    acme: &Acme,
    responder: &Responder,
    names: &[String],
) -> Result<String, OrderError> {
    let account = account(acme).await?;
    let identifiers: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let mut answers = Vec::new();
    let done = answer(responder, &mut order, &mut answers).await;
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
    answers: &mut Vec<Answer>,
) -> Result<(), OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = match authorization.identifier().identifier {
            Identifier::Dns(name) => name.clone(),
            other => format!("{other:?}"),
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
async fn account(acme: &Acme) -> Result<Account, OrderError> {
    let builder = || match &acme.authorities {
        Some(file) => Account::builder_with_root(file),
        None => Account::builder(),
    };
    let file = acme.folder.join("account.json");
    if let Some(text) = read(&file)? {
        let credentials =
            serde_json::from_str(&text).map_err(|error| OrderError::Account(file.clone(), error))?;
        return Ok(builder()?.from_credentials(credentials).await?);
    }
    let contact: Vec<&str> = acme.contact.as_deref().into_iter().collect();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder()?.create(&wanted, acme.directory.clone(), None).await?;
    let text =
        serde_json::to_string(&credentials).map_err(|error| OrderError::Account(file.clone(), error))?;
    keep(&file, &text)?;
    Ok(account)
}

fn read(file: &Path) -> Result<Option<String>, CertError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CertError::file(file)(error)),
    }
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
