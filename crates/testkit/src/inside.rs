//! A server within this process, for examples in documentation. It has no TLS, and whoever comes may read and write.

use portolan_config::{Around, Config};
use portolan_server::Server;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;

/// Serves a folder until the process ends: where.
pub fn serve(folder: &Path) -> SocketAddr {
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\n[anonymous]\nroot = {:?}\nwrite = true\n[tls]\npolicy = \"off\"\n",
        folder.display().to_string()
    );
    let (sender, served) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let config = Config::parse(&text, Path::new("/portolan.toml")).unwrap();
            let (options, ..) = config.options(None, [0; 12]).unwrap();
            let server = Server::start(options, config.rules(&Around::default()), Vec::new()).unwrap();
            sender.send(server.places()[0].address).unwrap();
            std::future::pending::<()>().await;
        });
    });
    served.recv().unwrap()
}
