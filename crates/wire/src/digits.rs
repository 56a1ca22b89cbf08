//! Numbers in listings. A long listing has half a million of them: they are written in place, with no text made in
//! between.

/// Writes a number, with `fill` before it where it has fewer digits than `width`, which is 24 at most.
pub(crate) fn put<const BASE: u64>(mut number: u64, width: usize, fill: u8, line: &mut Vec<u8>) {
    // As many as the longest has: 22, in octal.
    let mut digits = [fill; 24];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b"0123456789abcdef"[(number % BASE) as usize];
        number /= BASE;
        if number == 0 {
            break;
        }
    }
    let begin = first.min(digits.len().saturating_sub(width));
    line.extend_from_slice(&digits[begin..]);
}

/// Writes a decimal number, with blanks behind it where it has fewer digits than `width`.
pub(crate) fn put_left(number: u64, width: usize, line: &mut Vec<u8>) {
    let end = line.len() + width;
    put::<10>(number, 0, b' ', line);
    line.resize(line.len().max(end), b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_what_the_standard_library_writes(number: u64, small in 0..100_000u64, width in 0..24usize) {
            for number in [number, small] {
                let mut line = Vec::new();
                put::<10>(number, width, b' ', &mut line);
                put::<8>(number, width, b'0', &mut line);
                put::<16>(number, 0, b'0', &mut line);
                put_left(number, width, &mut line);
                let wanted = format!("{number:width$}{number:0width$o}{number:x}{number:<width$}");
                prop_assert_eq!(String::from_utf8(line).unwrap(), wanted);
            }
        }
    }
}
