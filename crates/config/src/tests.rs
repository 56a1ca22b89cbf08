use super::*;
use portolan_accounts::Mount;
use portolan_reach::ddns::Service;
use portolan_vfs::Rights;

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
        passive = "control-port"
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
    let anna = &config.users[0].member.profile;
    assert_eq!(anna.mounts, [Mount::root("/tmp/.", Rights::FULL)]);
    assert!(config.one_port && anna.fxp == Some(true));
    assert_eq!(config.anonymous.unwrap().profile.mounts[0].rights, Rights::READ_ONLY);
}

struct PasswordHashForTest;

impl PasswordHashForTest {
    fn make() -> String {
        portolan_accounts::PasswordHash::of(b"secret").unwrap().as_str().to_owned()
    }
}

#[test]
fn problems_say_where_what_and_what_to_write() {
    let text = "passive-ports = \"9-5\"\nannounce = \"300.1.1.1\"\nlisten = [\"2121\"]\n[limits]\nidle = 0\n[anonymous]\nroot = \"/nowhere/at/all\"\n";
    assert_eq!(
        problems(text),
        [
            "/tmp/portolan.toml:1:17: `9-5` is no range of ports; write it like 50000-50099",
            "/tmp/portolan.toml:2:12: `300.1.1.1` is no source of an address; write an IPv4 address, a name like \
             ftp.example.org, https://… of a page that says it, stun://host, router, pcp, nat-pmp, upnp, \
             interface, or interface:eth0",
            "/tmp/portolan.toml:3:11: `2121` is no address with a port; write it like 0.0.0.0:2121 or [::]:2121",
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

/// The only problem of a text: its place and what it says.
fn problem(text: &str) -> String {
    let found = problems(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found[0].trim_start_matches("/tmp/portolan.toml:").to_owned()
}

#[test]
fn what_would_have_no_effect_is_a_problem() {
    for (text, place, said) in [
        ("[tls]\nclient-authorities = \"a\"", "2:22", "nobody is asked for a certificate"),
        ("[tls]\ncertificate-login = true", "2:21", "nobody is asked for a certificate"),
        ("[tls]\nclient-certificates = \"ask\"", "2:23", "client-authorities is missing"),
        ("[tls]\npolicy = \"require\"\nclear-control = true", "3:17", "nobody may end it"),
        ("[tls]\ncertificate = \"a\"", "2:15", "the private key is missing"),
        ("[tls]\nkey = \"a\"", "2:7", "the certificate is missing"),
        ("[tls]\npolicy = \"maybe\"", "2:10", "write off, offer, require-login, or require"),
        ("[tls]\nresume = \"always\"", "2:10", "write require, prefer, or off"),
        ("[tls]\nticket-key = \"/dev/null\"", "2:14", "a secret has at least 32 bytes"),
        ("listen-implicit = [\"0.0.0.0:990\"]\n[tls]\npolicy = \"off\"", "1:20", "cannot begin at once"),
        ("listen = [{ address = \"nowhere\" }]", "1:11", "`nowhere` is no address"),
        ("[tls.acme]\nchallenge = \"dns-01\"", "2:13", "dns-program is missing"),
        ("[tls.acme]\nchallenge = \"mail\"", "2:13", "write http-01, tls-alpn-01, or dns-01"),
        ("[tls.acme]\ndns-program = \"/bin/true\"", "2:15", "leave it out"),
        ("[tls.acme]\nlisten = []", "2:10", "nobody could ask"),
        ("[tls.acme]\ncontact = \"me\"", "2:11", "mailto:"),
        ("[tls.acme]\ndirectory = \"http://x\"", "2:13", "https://"),
        ("names = [\"*.example.org\"]\n[tls.acme]", "1:10", "only with dns-01"),
        ("names = [\"../x.y\"]", "1:10", "is no host name"),
        ("[anonymous]\nroot = \"/\"\ntls = \"off\"", "3:7", "write offer, require-login, or require"),
    ] {
        let found = problem(text);
        assert!(found.starts_with(&format!("{place}: ")) && found.contains(said), "{text}: {found}");
    }
}

#[test]
fn hosts_are_checked() {
    let host = |names: &str, rest: &str| {
        format!(
            "names = [\"a.example\"]\n[[host]]\nnames = [{names}]\n{rest}\n[host.anonymous]\nroot = \"/\"\n"
        )
    };
    assert_eq!(problems(&host("\"b.example\"", "")), Vec::<String>::new());
    for (text, place, said) in [
        (host("", ""), "3:9", "a host needs a name"),
        (host("\"A.example\"", ""), "3:10", "there is a host `a.example` already"),
        (host("\"b.example\", \"b.example\"", ""), "3:23", "already"),
        (host("\"b.example.\"", ""), "3:10", "is no host name"),
        (host("\"192.0.2.1\"", ""), "3:10", "is no host name"),
        (host("\"b.example\"", "acme = true"), "4:8", "there is no table [tls.acme]"),
    ] {
        let found = problem(&text);
        assert!(found.starts_with(&format!("{place}: ")) && found.contains(said), "{text}: {found}");
    }
}

#[test]
fn listeners_may_have_a_policy_of_their_own() {
    let text = "listen = [\"127.0.0.1:21\", { address = \"127.0.0.1:22\", tls = \"off\" }]\n\
                listen-implicit = [\"127.0.0.1:990\"]\n[tls]\npolicy = \"require\"";
    let config = Config::parse(text, Path::new("/tmp/portolan.toml")).unwrap();
    let policies: Vec<_> =
        config.listen.iter().map(|place| (place.implicit_tls, config.policy(place))).collect();
    let (off, require) = (TlsPolicy::Off, TlsPolicy::RequireData);
    assert_eq!(policies, [(false, require), (false, off), (true, require)]);
}

#[test]
fn ways_to_be_reached_can_be_written() {
    let text = r#"
        listen = ["0.0.0.0:21", { address = "10.1.1.1:21", announce = "203.0.113.7" }]
        announce = ["router", "stun://stun.example.org"]
        map-ports = ["nat-pmp", "pcp"]
        pinholes = true
        [[dynamic-dns]]
        name = "ftp.example.org"
        service = "rfc2136"
        server = "ns.example.org"
        key = "update"
        secret = "c2VjcmV0"
        [[dynamic-dns]]
        name = "home.duckdns.org"
        service = "duckdns"
        secret = "token"
    "#;
    let config = Config::parse(text, Path::new("/tmp/portolan.toml")).unwrap();
    assert_eq!(config.map_ports, [Method::NatPmp, Method::Pcp]);
    assert!(config.pinholes && config.announce.len() == 2);
    assert!(config.listen[1].announce.is_some());
    let [dns, duck] = &config.dynamic_dns[..] else { panic!("two names") };
    let Service::Rfc2136 { server, zone, key: Some(key), ttl: 60 } = &dns.service else { panic!("{dns:?}") };
    assert_eq!((server.as_str(), zone.as_str()), ("ns.example.org:53", "example.org"));
    assert_eq!((key.name.as_str(), &key.secret[..]), ("update", &b"secret"[..]));
    assert!(matches!(&duck.service, Service::DuckDns { token, .. } if token == "token"));
}

#[test]
fn ways_to_be_reached_that_cannot_be_are_told() {
    let dns = |rest: &str| problems(&format!("[[dynamic-dns]]\nname = \"ftp.example.org\"\n{rest}"));
    assert!(dns("service = \"no-ip\"")[0].contains("user is missing"));
    assert!(dns("service = \"no-ip\"\nuser = \"anna\"")[0].contains("secret is missing"));
    assert!(dns("service = \"morse\"")[0].contains("is not known here"));
    assert!(dns("service = \"duckdns\"\nsecret-file = \"/nowhere\"")[0].contains("cannot be read"));
    let itself = "announce = \"ftp.example.org\"\n[[dynamic-dns]]\nname = \"ftp.example.org\"\n\
                  service = \"duckdns\"\nsecret = \"t\"";
    assert!(problems(itself)[0].contains("the very record that is to be written"));
    assert!(problems("map-ports = [\"smoke\"]")[0].contains("is no way to ask a router"));
    assert!(problems("map-ports = 3")[0].contains("expected true, false, or ways"));
}
