//! Patterns with `*`, `?` and `[…]`, as `LIST *.txt` has them.
//!
//! The matcher goes back to the last star only, so its time is bounded by pattern times name, for
//! any pattern. What this module is not: braces and patterns over several directories do not exist.

/// True when the name has a character that makes it a pattern.
pub fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// True when `name` matches `pattern` as a whole. A star does not match a leading dot.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if let Some(next) = match_one(pattern, p, name[n]) {
            p = next;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, n) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Matches one byte against what stands at `p`; gives where the pattern goes on.
fn match_one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => match_class(pattern, p, byte),
        literal => (*literal == byte).then_some(p + 1),
    }
}

fn match_class(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(p + 1), Some(b'!' | b'^'));
    let first = p + 1 + usize::from(negated);
    // A `]` that comes first stands for itself.
    let Some(end) = pattern.get(first + 1..).and_then(|rest| rest.iter().position(|byte| *byte == b']'))
    else {
        return (byte == b'[').then_some(p + 1);
    };
    let class = &pattern[first..first + 1 + end];
    let mut found = false;
    let mut at = 0;
    while at < class.len() {
        if at + 2 < class.len() && class[at + 1] == b'-' {
            found |= (class[at]..=class[at + 2]).contains(&byte);
            at += 3;
        } else {
            found |= class[at] == byte;
            at += 1;
        }
    }
    (found != negated).then_some(first + end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn matches_as_shells_do() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt.gz", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("a*b*c", "aXbYbZc", true),
            ("", "", true),
            ("**a", "bca", true),
            ("[a-]", "-", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_a_literal_matches_itself(pattern: Vec<u8>, name in "[a-z]{0,20}") {
            matches(&pattern, name.as_bytes());
            prop_assert!(matches(name.as_bytes(), name.as_bytes()));
        }
    }
}
