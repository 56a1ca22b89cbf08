//! The metrics, for Prometheus to fetch.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use portolan_events::Events;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves the metrics at `/metrics`, for as long as it is polled.
pub async fn serve_metrics(listener: TcpListener, events: Arc<Events>) {
    let text = move || {
        let events = Arc::clone(&events);
        let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
        async move { (kind, events.metrics.text()) }
    };
    if let Err(error) = axum::serve(listener, Router::new().route("/metrics", get(text))).await {
        tracing::error!(%error, "metrics are not served any more");
    }
}
