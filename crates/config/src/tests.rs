use super::*;

fn problems(text: &str) -> Vec<String> {
    let problems = Config::parse(text, Path::new("/tmp/portolan.toml")).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_the_default() {
    let config = Config::parse("", Path::new("portolan.toml")).unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.passive_ports, DEFAULT_PASSIVE_PORTS);
    assert!(config.anonymous.is_none() && config.users.is_empty());
}

#[test]
fn everything_can_be_set() {
    let hash = PasswordHashForTest::make();
    let text = format!(
        r#"
        listen = ["127.0.0.1:21"]
        passive-ports = "4000-4001"
        announce = "203.0.113.7"
        active-port = 20
        uploads = "direct"
        charset = "windows-1251"
        welcome = "Hello\nthere"
        grace = 5
        [limits]
        sessions = 10
        sessions-per-address = 2
        login = 30
        idle = 600
        data-connection = 10
        stall = 60
        login-attempts = 3
        [anonymous]
        root = "/"
        [[user]]
        name = "anna"
        password = "{hash}"
        root = "."
        write = true
        fxp = true
        "#
    );
    let config = Config::parse(&text, Path::new("/tmp/portolan.toml")).unwrap();
    assert_eq!(config.active_port, ActivePort::Fixed(20));
    assert_eq!(config.charset.unwrap().name(), "windows-1251");
    assert_eq!(config.welcome, ["Hello", "there"]);
    assert_eq!((config.limits.idle, config.limits.login_attempts), (Duration::from_secs(600), 3));
    assert_eq!(config.users[0].account.root, Path::new("/tmp/."));
    assert!(config.users[0].account.fxp);
    assert!(config.users[0].account.write && !config.anonymous.unwrap().write);
}

struct PasswordHashForTest;

impl PasswordHashForTest {
    fn make() -> String {
        portolan_accounts::PasswordHash::of(b"secret").unwrap().as_str().to_owned()
    }
}

#[test]
fn problems_say_where_what_and_what_to_write() {
    let text = "passive-ports = \"9-5\"\nannounce = \"ftp.example\"\nlisten = [\"2121\"]\n[limits]\nidle = 0\n[anonymous]\nroot = \"/nowhere/at/all\"\n";
    assert_eq!(
        problems(text),
        [
            "/tmp/portolan.toml:3:11: `2121` is no address with a port; write it like 0.0.0.0:2121 or [::]:2121",
            "/tmp/portolan.toml:1:17: `9-5` is no range of ports; write it like 50000-50099",
            "/tmp/portolan.toml:2:12: `ftp.example` is no IPv4 address; write it like 203.0.113.7",
            "/tmp/portolan.toml:5:8: a limit of 0 seconds would end every session; write at least 1",
            "/tmp/portolan.toml:7:8: /nowhere/at/all is no directory; make it, or write another",
        ]
    );
}

#[test]
fn words_that_do_not_exist_are_told_with_those_that_do() {
    let found = problems("\nlisen = []\n");
    assert!(
        found[0].starts_with("/tmp/portolan.toml:2:1: unknown field `lisen`, expected one of `listen`"),
        "{found:?}"
    );
    assert!(
        problems("uploads = \"quick\"")[0]
            .contains(":1:11: unknown variant `quick`, expected `atomic` or `direct`")
    );
    assert!(problems("active-port = \"soon\"")[0].contains("write auto, any, or a number"));
    assert!(problems("charset = \"utf-16\"")[0].contains("is no charset for names"));
    assert!(problems("listen = [")[0].starts_with("/tmp/portolan.toml:1:"));
}

#[test]
fn t24_a_malformed_user_is_a_problem_and_not_an_open_door() {
    let user =
        |password: &str| format!("[[user]]\nname = \"anna\"\npassword = \"{password}\"\nroot = \"/\"\n");
    for password in ["", "secret", "$argon2id$v=19$"] {
        assert!(problems(&user(password))[0].contains("portolan user hash"), "{password}");
    }
    let hash = PasswordHashForTest::make();
    assert!(problems(&format!("{0}{0}", user(&hash)))[0].contains("already"));
}
