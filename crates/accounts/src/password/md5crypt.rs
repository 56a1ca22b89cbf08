//! MD5 in a thousand rounds, as FreeBSD's `crypt(3)` began it, `$1$`, and Apache has it, `$apr1$`. Weak today: whoever has
//! such a hash finds short passwords within hours.
//!
//! What this module is not: it makes no hashes to be kept.

use md5::{Digest, Md5};

/// Turns of mixing.
const ROUNDS: u32 = 1000;

/// Letters of the text, by the value of six bits.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Bytes of the hash, in the order of the text; three of them make four letters.
const ORDER: [usize; 15] = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5];

/// Hashes a password. `kind` is what stands between the first two dollars.
pub(super) fn hash(kind: &str, salt: &str, password: &[u8]) -> String {
    let of = |parts: &[&[u8]]| -> [u8; 16] {
        let mut digest = Md5::new();
        parts.iter().for_each(|part| digest.update(part));
        digest.finalize().into()
    };
    let (magic, salt_bytes) = (format!("${kind}$"), salt.as_bytes());
    let inner = of(&[password, salt_bytes, password]);
    let mut first = [password, magic.as_bytes(), salt_bytes].concat();
    first.extend(inner.iter().cycle().take(password.len()));
    // One byte for each bit of the length: a mistake of the first version, which has been kept ever since.
    let mut length = password.len();
    while length > 0 {
        first.push(if length & 1 == 1 { 0 } else { password[0] });
        length >>= 1;
    }
    let mut hash = of(&[&first]);
    for round in 0..ROUNDS {
        let (begin, end) = if round % 2 == 1 { (password, &hash[..]) } else { (&hash[..], password) };
        let salted = if round % 3 == 0 { &[][..] } else { salt_bytes };
        let again = if round % 7 == 0 { &[][..] } else { password };
        hash = of(&[begin, salted, again, end]);
    }
    let mut text = format!("{magic}{salt}$");
    let mut push = |value: u32, letters: u32| {
        let letter = |number: u32| char::from(LETTERS[(value >> (6 * number)) as usize & 63]);
        text.extend((0..letters).map(letter));
    };
    for three in ORDER.chunks(3) {
        let value = three.iter().fold(0, |value, place| value << 8 | u32::from(hash[*place]));
        push(value, 4);
    }
    push(hash[11].into(), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn hashes_are_those_of_openssl() {
        for (kind, salt, password, hashed) in [
            ("apr1", "saltsalt", "secret", "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0"),
            ("apr1", "x", "", "$apr1$x$tMwYqBfQwi3FYAr0aJc8M/"),
            (
                "1",
                "abcdefgh",
                "a password that is longer than thirty-two bytes",
                "$1$abcdefgh$0YeGWEIq.nVVm.eTtgwmh.",
            ),
        ] {
            assert_eq!(hash(kind, salt, password.as_bytes()), hashed);
        }
    }
}
