//! The keys that sign mail: every way to write one is read alike, and a wrong one is told where it stands.

use replenish::config::{Channel, DkimKey, DkimSettings};

use super::{Told, assert_told, folder, load_in};

const FILES: [(&str, &str); 6] = [
    ("ed.pem", include_str!("../channel/keys/ed25519.pem")),
    ("ed.seed", include_str!("../channel/keys/ed25519.seed")),
    ("rsa.pem", include_str!("../channel/keys/rsa.pem")),
    ("pkcs1.pem", include_str!("../channel/keys/rsa-pkcs1.pem")),
    ("small.pem", include_str!("../channel/keys/rsa-1024.pem")),
    ("ec.pem", include_str!("../channel/keys/ec.pem")),
];

fn settings(from: &str, keys: &str) -> String {
    format!(
        "timezone = \"UTC\"\n[channel.email]\nfrom = \"{from}\"\nrelay = [{{ url = \"file:outbox\" }}]\n{keys}\n"
    )
}

fn files(settings: &str) -> Vec<(&str, &str)> {
    FILES.into_iter().chain([("bad.pem", "-----BEGIN NOTHING-----"), ("replenish.toml", settings)]).collect()
}

fn keys(from: &str, keys: &str) -> Vec<DkimSettings> {
    let loaded = load_in(&folder(&files(&settings(from, keys))), &[("ED", FILES[1].1)]);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let Channel::Email(email) = &loaded.settings.channels["email"] else { panic!("email is e-mail") };
    email.dkim.clone()
}

#[test]
fn a_key_is_the_same_however_it_is_written() {
    let written = keys(
        "Shop <hello@News.Shop.example>",
        "[[channel.email.dkim]]\nselector = \"A\"\nkey = { file = \"ed.pem\" }\n\
         [[channel.email.dkim]]\nselector = \"b.c\"\nkey = { env = \"ED\" }\ndomain = \"Shop.example\"\n\
         [[channel.email.dkim]]\nselector = \"d\"\nkey = { file = \"rsa.pem\" }\n\
         [[channel.email.dkim]]\nselector = \"d\"\nkey = { file = \"pkcs1.pem\" }\ndomain = \"shop.example\"",
    );
    let names: Vec<_> = written.iter().map(|key| (key.selector.as_str(), key.domain.as_str())).collect();
    let (own, above) = ("news.shop.example", "shop.example");
    assert_eq!(names, [("a", own), ("b.c", above), ("d", own), ("d", above)]);
    assert_eq!(written[0].key, written[1].key);
    assert_eq!(written[2].key, written[3].key);
    assert!(matches!((&written[0].key, &written[2].key), (DkimKey::Ed25519(_), DkimKey::Rsa(_))));
    assert!(keys("a@b.example", "").is_empty());
}

#[test]
fn a_key_never_shows() {
    let written =
        keys("a@b.example", "[[channel.email.dkim]]\nselector = \"a\"\nkey = { file = \"ed.seed\" }");
    let seed = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, FILES[1].1.trim()).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let shown = format!("{written:?}").to_lowercase();
    assert!(!shown.contains(&hex(&seed)) && !shown.contains(&format!("{seed:?}")), "{shown}");
}

/// What is told of a key written so, in lines from 6 on.
const WRONG: &[(&str, &[Told])] = &[
    ("selector = \"a\"", &[(5, 1, "`channel.email.dkim.key` is missing", "{ file = ")]),
    ("key = { file = \"ed.pem\" }", &[(5, 1, "`channel.email.dkim.selector` is missing", "ed2026")]),
    ("selector = \"a b\"\nkey = { file = \"ed.pem\" }", &[(6, 12, "not a selector", "letters, digits")]),
    (
        "selector = \"a\"\nkey = { file = \"none.pem\" }",
        &[(7, 16, "none.pem cannot be read", "readable for the user")],
    ),
    ("selector = \"a\"\nkey = \"MC4C\"", &[(7, 7, "is a secret in plain sight", "{ file = ")]),
    (
        "selector = \"a\"\nkey = { file = \"small.pem\" }",
        &[(7, 7, "fewer than 2048 bits", "openssl genpkey")],
    ),
    (
        "selector = \"a\"\nkey = { file = \"ec.pem\" }",
        &[(7, 7, "neither an RSA nor an Ed25519 key", "openssl")],
    ),
    ("selector = \"a\"\nkey = { file = \"bad.pem\" }", &[(7, 7, "holds no private key", "openssl")]),
    (
        "selector = \"a\"\nkey = { env = \"SHORT\" }",
        &[(7, 7, "holds 3 bytes, where an Ed25519 key has 32", "openssl")],
    ),
    ("selector = \"a\"\nkey = { env = \"WORD\" }", &[(7, 7, "holds neither PEM nor base64", "openssl")]),
    (
        "selector = \"a\"\nkey = { file = \"ed.pem\" }\ndomain = \"else.example\"",
        &[(8, 10, "mail from shop.example is not aligned with", "DMARC")],
    ),
    (
        "selector = \"a\"\nkey = { file = \"ed.pem\" }\ndomain = \"hop.example\"",
        &[(8, 10, "not aligned with", "DMARC")],
    ),
    (
        "selector = \"a\"\nkey = { file = \"ed.pem\" }\ndomain = \"店.example\"",
        &[(8, 10, "which is not a domain", "xn--")],
    ),
    (
        "selector = \"a\"\nkey = { file = \"ed.pem\" }\n[[channel.email.dkim]]\nselector = \"A\"\nkey = { file = \"rsa.pem\" }",
        &[(9, 12, "two keys are to be published at a._domainkey.shop.example", "own `selector`")],
    ),
];

#[test]
fn a_wrong_key_is_told_where_it_stands() {
    for (keys, told) in WRONG {
        let text = settings("hello@shop.example", &format!("[[channel.email.dkim]]\n{keys}"));
        let problems = load_in(&folder(&files(&text)), &[("SHORT", "AAAA"), ("WORD", "no key!")]);
        assert_told(keys, &problems.unwrap_err(), "replenish.toml", told);
    }
}
