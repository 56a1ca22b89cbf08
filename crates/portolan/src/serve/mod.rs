//! `portolan serve`.

mod confine;
mod events;
mod handover;
mod lock;
mod manager;
mod overrides;
mod reach;
mod running;
mod watch;

use crate::Exit;
use crate::args::ServeArgs;
use overrides::Overrides;
use std::time::Duration;

/// Serves until a signal ends it.
pub(crate) fn run(args: ServeArgs) -> Result<(), Exit> {
    // Before there are other threads, since it takes them out of the environment.
    let mut handed = handover::take();
    let overrides = Overrides::new(args)?;
    let config = overrides.configuration()?;
    events::start_log(&config);
    raise_descriptor_limit();
    let confined = confine::confine(&config, overrides.file(), &mut handed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::failed(format!("cannot start: {error}")))?;
    let done = runtime.block_on(running::serve(overrides, config, handed, confined));
    // A disk that hangs must not keep the program from ending.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// Each session needs a descriptor or two, and the usual limit of 1,024 is from another age.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where the system refuses, fewer sessions fit.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
