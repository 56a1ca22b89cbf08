//! How long it takes to be refused.

use crate::serve;
use crate::store::must;
use portolan_testkit::launch::Served;
use std::fs;
use std::time::{Duration, Instant};

/// Tries of each. Each takes a second.
const TRIES: usize = 5;

/// How long two may differ.
const DIFFERENCE: Duration = Duration::from_millis(2);

/// How long the answer to a wrong password takes, and to the name before.
fn times(served: &Served, name: &str) -> (Duration, Duration) {
    let mut talk = served.talk();
    let begun = Instant::now();
    let asked = talk.ask(&format!("USER {name}"));
    let of_name = begun.elapsed();
    let begun = Instant::now();
    let refused = talk.ask("PASS wrong");
    assert_eq!((&*asked, &refused[..3]), ("331 Password, please\r\n", "530"), "{name}");
    (of_name, begun.elapsed())
}

/// The quickest one: what else the machine does makes others longer, and by chance.
fn quickest(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}

#[test]
fn t23_who_is_known_and_who_is_not_are_refused_alike_and_as_fast() {
    let served = serve(
        &["root"],
        "state = \"state\"\n[[user]]\nname = \"anna\"\npassword = \"SECRET\"\nroot = \"root\"\n\
         [[user]]\nname = \"karl\"\nroot = \"root\"\npassword = \"$6$rounds=10000$saltstring$8BTo06G/5FoSytD1T0cp9b6u1/\
         eLMbXRWR32saoSVCPI8HactmA7e1cC6THh4kpvGWDoPyAxOz2Ig8bq3eay//\"\n[bans]\nmode = \"off\"\n[limits]\nlogin-attempts = 1000\n",
    );
    let folder = served.folder.path();
    fs::write(folder.join("secret"), "secret\n").unwrap();
    let (secret, root) = (folder.join("secret"), served.root());
    let (secret, root) = (secret.to_str().unwrap(), root.to_str().unwrap());
    must(folder, &["user", "add", "otto", "--folder", root, "--password-file", secret]);
    // One has a hash of ours, one is kept elsewhere, one has another server's hash, which takes longer to check.
    let names = ["anna", "otto", "karl", "nobody-of-this-name"];
    let mut all = names.map(|_| (Vec::new(), Vec::new()));
    // By turns, so that whatever else the machine does is for all of them.
    for _ in 0..TRIES {
        for (name, (of_name, of_password)) in names.iter().zip(&mut all) {
            let (name, password) = times(&served, name);
            of_name.push(name);
            of_password.push(password);
        }
    }
    let quickest = all.map(|(name, password)| (quickest(&name), quickest(&password)));
    let of_nobody = quickest[3];
    for of_known in &quickest[..3] {
        assert!(of_known.0.abs_diff(of_nobody.0) < DIFFERENCE, "names: {quickest:?}");
        assert!(of_known.1.abs_diff(of_nobody.1) < DIFFERENCE, "passwords: {quickest:?}");
    }
}
