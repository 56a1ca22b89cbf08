//! `portolan config`, and how every command reads its configuration.

use crate::{Exit, state};
use portolan_config::Config;
use std::path::Path;

/// Reads a configuration file; all that is wrong is in the message.
pub(crate) fn read(file: &Path) -> Result<Config, Exit> {
    Config::read(file).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Exit::wrong(format!("the configuration is wrong\n{}", lines.join("\n")))
    })
}

/// The file that a command is to read when none is named, if it is there.
const USUAL: &str = "portolan.toml";

/// Reads a configuration file, if one is named or the usual one is there.
pub(crate) fn read_or_default(file: Option<&Path>) -> Result<Config, Exit> {
    let usual = Some(Path::new(USUAL)).filter(|usual| usual.exists());
    file.or(usual).map_or_else(|| Ok(Config::default()), read)
}

/// Says whether a configuration file is right.
pub(crate) fn check(file: &Path) -> Result<(), Exit> {
    let mut config = read(file)?;
    config.state = config.state.take().or_else(state::folder);
    if !config.has_users() {
        return Err(Exit::wrong(format!(
            "{}: nobody could log in; write an [anonymous] table or a [[user]]",
            file.display()
        )));
    }
    println!("{}: right", file.display());
    Ok(())
}
