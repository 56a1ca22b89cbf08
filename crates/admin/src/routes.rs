//! The commands as HTTP.

use crate::command::{Asked, Command, Locked};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

/// Where commands go.
type Commands = mpsc::Sender<Asked>;

pub(crate) fn router(commands: Commands) -> Router {
    Router::new()
        .route("/status", get(|State(to): State<Commands>| ask(to, Command::Status)))
        .route("/reload", post(|State(to): State<Commands>| ask(to, Command::Reload)))
        .route("/lock", put(lock).delete(|State(to): State<Commands>| ask(to, Command::Unlock)))
        .route("/drain", post(drain))
        .route("/restart", post(|State(to): State<Commands>| ask(to, Command::Restart)))
        .with_state(commands)
}

async fn lock(State(to): State<Commands>, Json(locked): Json<Locked>) -> Response {
    ask(to, Command::Lock(locked)).await
}

#[derive(Deserialize)]
struct Drain {
    seconds: u64,
}

async fn drain(State(to): State<Commands>, Json(Drain { seconds }): Json<Drain>) -> Response {
    ask(to, Command::Drain { seconds }).await
}

async fn ask(to: Commands, command: Command) -> Response {
    let (answer, answered) = oneshot::channel();
    let sent = to.send(Asked { command, answer }).await;
    match answered.await {
        Ok(Ok(reply)) => Json(reply).into_response(),
        Ok(Err(problem)) => (StatusCode::CONFLICT, Json(json!({ "error": problem }))).into_response(),
        Err(_) => {
            let problem =
                if sent.is_err() { "the server is stopping" } else { "the server stops before that" };
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": problem }))).into_response()
        }
    }
}
