//! Capabilities.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
};
use std::io;

/// Those of these that this thread has.
///
/// # Errors
/// When the system does not say.
pub fn all_of(wanted: CapabilitySet) -> io::Result<CapabilitySet> {
    Ok(capabilities(None)?.permitted & wanted)
}

/// Gives up all others than these, and those that programs would have that it starts.
///
/// # Errors
/// When the system refuses it.
pub fn keep(wanted: CapabilitySet) -> io::Result<()> {
    let wanted = all_of(wanted)?;
    clear_ambient_capability_set()?;
    give_up_others(wanted)?;
    Ok(set_capabilities(None, sets(wanted))?)
}

/// Gives up all others than these, which programs have, too, that it starts.
///
/// # Errors
/// When the system refuses it.
pub fn keep_for_programs(wanted: CapabilitySet) -> io::Result<()> {
    let wanted = all_of(wanted)?;
    give_up_others(wanted)?;
    set_capabilities(None, CapabilitySets { inheritable: wanted, ..sets(wanted) })?;
    for one in wanted.iter() {
        configure_capability_in_ambient_set(one, true)?;
    }
    Ok(())
}

fn sets(wanted: CapabilitySet) -> CapabilitySets {
    CapabilitySets { effective: wanted, permitted: wanted, inheritable: CapabilitySet::empty() }
}

/// Sees that programs cannot get them back, where this thread may do so.
fn give_up_others(wanted: CapabilitySet) -> io::Result<()> {
    let own = capabilities(None)?;
    if !own.permitted.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    // Who has become another user has them, but not in use.
    set_capabilities(None, CapabilitySets { effective: own.permitted, ..own })?;
    for one in wanted.complement().iter() {
        match remove_capability_from_bounding_set(one) {
            // The kernel does not know that one.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Their names, as `capabilities(7)` has them.
pub fn names(set: CapabilitySet) -> String {
    let names: Vec<String> = set.iter_names().map(|(name, _)| name.to_lowercase()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}
