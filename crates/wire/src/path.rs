//! Paths as a session sees them: absolute, normal, and unable to leave the root.

/// Longest path in bytes.
pub const PATH_MAX: usize = 4095;

/// A path beneath the root of a session: `/` or `/a/b`. It has no `.`, `..`, empty component, CR,
/// LF or NUL in it: by construction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VirtualPath(Vec<u8>);

/// Why bytes are no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A CR, LF or NUL is in it (RFC 959 §5.3.2 allows none of them).
    #[error("the name has a CR, LF or NUL in it")]
    ForbiddenByte,
    /// It is longer than [`PATH_MAX`].
    #[error("the path is too long")]
    TooLong,
}

impl VirtualPath {
    /// The root, `/`.
    pub fn root() -> VirtualPath {
        VirtualPath(b"/".to_vec())
    }

    /// The path that `name` means when this is the working directory. `..` above the root stays at
    /// the root. A backslash is a letter like any other.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn join(&self, name: &[u8]) -> Result<VirtualPath, PathError> {
        if name.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(PathError::ForbiddenByte);
        }
        let mut path = if name.starts_with(b"/") { VirtualPath::root() } else { self.clone() };
        for component in name.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => path = path.parent(),
                _ => path.push(component),
            }
            if path.0.len() > PATH_MAX {
                return Err(PathError::TooLong);
            }
        }
        Ok(path)
    }

    /// The entry `name` of this directory, as a disk gave it. `None` when it cannot be part of a
    /// path: because it is no single component or has a forbidden byte in it.
    pub fn child(&self, name: &[u8]) -> Option<VirtualPath> {
        if name.contains(&b'/') || matches!(name, b"" | b"." | b"..") {
            return None;
        }
        self.join(name).ok()
    }

    fn push(&mut self, component: &[u8]) {
        if self.0.len() > 1 {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(component);
    }

    /// The directory that holds this; the root's is the root.
    pub fn parent(&self) -> VirtualPath {
        match self.0.iter().rposition(|byte| *byte == b'/') {
            None | Some(0) => VirtualPath::root(),
            Some(end) => VirtualPath(self.0[..end].to_vec()),
        }
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// True when this is `directory` or lies beneath it.
    pub fn is_within(&self, directory: &VirtualPath) -> bool {
        let rest = self.0.strip_prefix(&directory.0[..]);
        directory.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// This path as it is seen from `directory` as the root; `None` when it lies elsewhere.
    pub fn beneath(&self, directory: &VirtualPath) -> Option<VirtualPath> {
        if directory.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(&directory.0[..])? {
            b"" => Some(VirtualPath::root()),
            rest if rest.starts_with(b"/") => Some(VirtualPath(rest.to_vec())),
            _ => None,
        }
    }

    /// The components, from the root down.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
    }

    /// The bytes, beginning with `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// In double quotes, with each quote in it doubled, as 257 wants it (RFC 959 appendix II).
    pub fn quoted(&self) -> Vec<u8> {
        let mut text = vec![b'"'];
        for byte in &self.0 {
            if *byte == b'"' {
                text.push(b'"');
            }
            text.push(*byte);
        }
        text.push(b'"');
        text
    }
}

impl std::fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t11_nothing_climbs_out_of_the_root() {
        let here = VirtualPath::root().join(b"a/b").unwrap();
        for (name, path) in [
            ("..", "/a"),
            ("../../../..", "/"),
            ("/../../etc", "/etc"),
            ("//x///y/", "/a/b"),
            ("./c/.", "/a/b/c"),
            ("..\\..\\x", "/a/b/..\\..\\x"),
            ("%2e%2e/x", "/a/b/%2e%2e/x"),
            ("...", "/a/b/..."),
            ("c/../../../../../d", "/d"),
        ] {
            let path = if name == "//x///y/" { "/x/y" } else { path };
            assert_eq!(here.join(name.as_bytes()).unwrap().as_bytes(), path.as_bytes(), "{name}");
        }
        assert_eq!(here.join(b"\xc0\xae\xc0\xae/x").unwrap().as_bytes(), b"/a/b/\xc0\xae\xc0\xae/x");
        assert_eq!(here.join(b"a\0"), Err(PathError::ForbiddenByte));
        assert_eq!(here.join(&[b'a'; 5000]), Err(PathError::TooLong));
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(VirtualPath::root().join(b"a\"b").unwrap().quoted(), b"\"/a\"\"b\"");
    }

    #[test]
    fn within_means_whole_components() {
        let path = |text: &[u8]| VirtualPath::root().join(text).unwrap();
        assert!(path(b"a/b").is_within(&path(b"a")));
        assert!(!path(b"ab").is_within(&path(b"a")));
        assert!(path(b"ab").is_within(&path(b"")));
    }

    proptest! {
        #[test]
        fn always_absolute_and_normal(first: Vec<u8>, second: Vec<u8>) {
            let Ok(path) = VirtualPath::root().join(&first) else { return Ok(()) };
            let Ok(path) = path.join(&second) else { return Ok(()) };
            prop_assert!(path.as_bytes().starts_with(b"/") && path.as_bytes().len() <= PATH_MAX);
            prop_assert!(path.components().all(|part| part != b"." && part != b".."));
            prop_assert_eq!(VirtualPath::root().join(path.as_bytes()).unwrap(), path);
        }
    }
}
