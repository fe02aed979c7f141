//! A gallery of mistakes in settings and overrides, each with what people are told.

use super::{Told, assert_told, folder, load_in};

/// Rows of settings, each below `timezone = "UTC"` on the first line.
const SETTINGS_GALLERY: &[(&str, &[Told])] = &[
    // unknown keys, at any depth
    ("delivr = \"live\"", &[(2, 1, "unknown key `delivr`", "did you mean `deliver`? known here: rules")]),
    ("[http]\nport = 80", &[(3, 1, "unknown key `port` in `http`", "known here: listen, public_url")]),
    ("[intake.orders.columns]\nmember = \"會員\"", &[(3, 1, "unknown key `member`", "member_id")]),
    ("[intake]\nencoding = \"big-5\"", &[(3, 12, "not one of auto, utf-8, big5", "did you mean `big5`?")]),
    (
        "[intake.orders]\ndate_format = \"mm/dd/yyyy\"",
        &[(3, 15, "not one of ymd, mdy, dmy, roc", "known here: ymd")],
    ),
    ("[intake]\ninbx = \"inbox\"", &[(3, 1, "unknown key `inbx` in `intake`", "did you mean `inbox`?")]),
    ("[intake]\npreset = \"shopfy\"", &[(3, 10, "`intake.preset` names no preset", "shopify, shopline")]),
    ("[intake.returns.columns]\nid = \"x\"", &[(3, 1, "unknown key `id`", "order_id, product_id, quantity")]),
    (
        "[intake.orders.columns]\nmember_id = [\"a\", 7]",
        &[(3, 13, "is a list, but must be a header of the file", "the first of them that has a value")],
    ),
    ("[intake.orders.columns]\nmember_id = \"\"", &[(3, 13, "is \"\", which is not a header", "[] means")]),
    // wrong types
    ("rules = 3", &[(2, 9, "`rules` is a whole number, but must be a folder", "rules = \"rules\"")]),
    ("http = \"x\"", &[(2, 8, "`http` is a text, but must be a table", "write [http]")]),
    (
        "[queue]\nconcurrency = \"many\"",
        &[(3, 15, "is a text, but must be a whole number", "concurrency = 64")],
    ),
    ("[queue]\nconcurrency = 0", &[(3, 15, "`queue.concurrency` is 0, which is not", "out of range")]),
    (
        "deliver = 2026-01-01",
        &[(2, 11, "is a date without quotes, but must be one of live, shadow", "deliver = \"live\"")],
    ),
    ("[channel]\nemail = 1", &[(3, 9, "`channel.email` is a whole number", "write [channel.email]")]),
    // bad values
    (
        "deliver = \"lives\"",
        &[(2, 11, "is \"lives\", which is not one of live, shadow", "did you mean `live`?")],
    ),
    ("locale = \"zh_TW\"", &[(2, 10, "not a locale", "zh-TW")]),
    ("[queue]\ngrace = \"30\"", &[(3, 9, "\"30\", which is not a duration", "one of s, m, h, d, w")]),
    ("[intake]\nmax_rejects = 5", &[(3, 15, "is 5, which is not a share", "\"100%\"")]),
    ("[http]\nlisten = \"8080\"", &[(3, 10, "not an address to listen at", "127.0.0.1:8080")]),
    ("[http]\npublic_url = \"shop.example\"", &[(3, 14, "not a web address", "https://")]),
    (
        "[channel.email]\nfrom = \"a@b.example\"\nrelay = [{ url = \"smtp://127.0.0.1\" }]\ndomain_rates = \"20/s\"",
        &[(5, 16, "must be a table", "`domain_rates = { \"gmail.com\" = \"20/s\" }`")],
    ),
    (
        "[channel.email]\nfrom = \"a@b.example\"\nrelay = [{ url = \"smtp://127.0.0.1\" }]\ndomain_rates = { \"b.tw\" = \"9\" }",
        &[(
            5,
            27,
            "`channel.email.domain_rates.b.tw` is \"9\"",
            "`domain_rates = { \"gmail.com\" = \"20/s\" }`",
        )],
    ),
    (
        "[channel.email]\nfrom = \"a@b.example\"\nrelay = [{ url = \"smtp://127.0.0.1\" }]\ndomain_rates = { gmail = \"9/s\" }",
        &[(5, 18, "\"gmail\", which is not a domain", "`domain_rates = { \"gmail.com\" = \"20/s\" }`")],
    ),
    ("[retry]\nfactor = 0.5", &[(3, 10, "`retry.factor` is 0.5", "at least as long")]),
    ("[retry]\nlongest = \"1s\"", &[(3, 11, "shorter than `retry.first`", "at least as long")]),
    ("[store]\nurl = \"mysql://x\"", &[(3, 7, "not the address of a ledger", "sqlite: or postgres://")]),
    // what does not go together
    ("[queue]\nurl = \"redis://127.0.0.1\"", &[(3, 7, "SQLite serves one", "ledger:")]),
    // ... and one mistake is told once
    (
        "[store]\nurl = \"mysql:\"\n[queue]\nurl = \"redis://127.0.0.1\"",
        &[(3, 7, "not the address of a ledger", "sqlite:")],
    ),
    (
        "[http]\npublic_url = 1\n[channel.email]\nfrom = \"a@b.example\"\nrelay = [{ url = \"smtp://x.example\" }]",
        &[(3, 14, "must be a web address", "public_url = ")],
    ),
    ("[channel]\ncrm = 1", &[(3, 7, "must be a table", "[channel.crm]")]),
    (
        "[queue]\nlease = \"29s\"\n[channel.crm]\nurl = \"https://x.example\"\nsecret = { env = \"CRM_SECRET\" }",
        &[(3, 9, "a hand-over to channel crm may take 15s", "`lease = \"30s\"`")],
    ),
    (
        "[queue]\nlease = \"3s\"\n[channel.email]\nfrom = \"a@b.example\"\ntimeout = \"1s\"\n\
         relay = [{ url = \"smtp://127.0.0.1\" }, { url = \"smtp://127.0.0.2\" }]",
        &[(3, 9, "a hand-over to channel email may take 2s", "`lease = \"4s\"`")],
    ),
    // secrets
    (
        "[http]\nunsubscribe_key = \"abc\"",
        &[(3, 19, "`http.unsubscribe_key` is a secret in plain sight", "{ env = \"NAME\" }")],
    ),
    ("[http]\ntoken = \"abc\"", &[(3, 9, "`http.token` is a secret in plain sight", "{ env = \"NAME\" }")]),
    ("[http]\nunsubscribe_key = { env = \"NOPE\" }", &[(3, 27, "variable NOPE is not set", "set NOPE")]),
    ("[http]\nunsubscribe_key = { env = \"EMPTY\" }", &[(3, 27, "variable EMPTY is not set", "")]),
    ("[http]\nunsubscribe_key = { file = \"nope\" }", &[(3, 28, "nope cannot be read", "put the secret")]),
    (
        "[http]\nunsubscribe_key = { credential = \"t\" }",
        &[(3, 34, "CREDENTIALS_DIRECTORY", "LoadCredential=")],
    ),
    (
        "[http]\nunsubscribe_key = { env = \"A\", file = \"b\" }",
        &[(3, 19, "`http.unsubscribe_key` names 2 places", "one of")],
    ),
    (
        "[http]\nunsubscribe_key = { evn = \"A\" }",
        &[(3, 19, "names 0 places", ""), (3, 21, "unknown key `evn`", "`env`?")],
    ),
    (
        "[store]\nurl = \"postgres://u:pw@db.example/x\"",
        &[(3, 7, "`store.url` shows a password", "url = { env = \"NAME\" }")],
    ),
    // channels
    (
        "[channel.\"a b\"]\nurl = \"https://x.example\"\nsecret = { env = \"CRM_SECRET\" }",
        &[(2, 1, "`channel.a b` is not a name for a channel", "letters, digits")],
    ),
    (
        "[channel.crm]\nurl = \"https://u:p@x.example\"\nsecret = { env = \"BAD\" }",
        &[
            (3, 7, "\"https://***@x.example\", which is not a web address", "no place"),
            (4, 10, "begins with whsec_", "base64"),
        ],
    ),
    ("[channel.email]", &[(2, 1, "from` is missing", "Shop <"), (2, 1, "relay` is missing", "smtp://")]),
    (
        "[channel.email]\nfrom = \"Shop\"\nrelay = []",
        &[
            (3, 8, "not a mailbox", "angle brackets"),
            (4, 9, "`channel.email.relay` is empty", "[[channel.email.relay]]"),
        ],
    ),
    (
        "[channel.email]\nfrom = \"a@b.example\"\n[[channel.email.relay]]\nurl = \"http://x\"\n[[channel.email.relay]]",
        &[
            (5, 7, "`channel.email.relay.url` is \"http://x\"", "smtp://"),
            (6, 1, "url` is missing", "url = "),
        ],
    ),
    (
        "[channel.email]\nfrom = \"a@b.example\"\n[channel.email.relay]\nurl = \"smtp://x\"",
        &[(4, 1, "must be a list of tables", "[[channel.email.relay]] in two brackets")],
    ),
    (
        "[channel.email]\nfrom = \"a@b.example\"\n[[channel.email.relay]]\nurl = \"smtp://mail.example\"",
        &[(1, 1, "unsubscribe links would lead nowhere", "public_url = ")],
    ),
    (
        "[channel.email]\nfrom = \"a@店.example\"\nreply_to = \"Shop\"\nunsubscribe_mailbox = \"Stop <a@b.example>\"",
        &[
            (2, 1, "relay` is missing", "smtp://"),
            (3, 8, "not a mailbox", "xn--"),
            (4, 12, "`channel.email.reply_to` is \"Shop\", which is not a mailbox", "angle brackets"),
            (5, 23, "which is not an address", "without a name"),
        ],
    ),
    (
        "[channel.email]\nfrom = \"a@b.example\"\n[[channel.email.relay]]\nurl = \"smtp://127.0.0.1\"\nallow_plaintext = true\nca = \"none.pem\"",
        &[
            (6, 19, "`allow_plaintext` says nothing here", "leave it out"),
            (7, 6, "none.pem cannot be read", "-----BEGIN CERTIFICATE-----"),
            (7, 6, "`ca` says nothing here", "smtps://"),
        ],
    ),
    (
        "[http]\npublic_url = \"https://mail.b.example\"\n[channel.email]\nfrom = \"a@b.example\"\n[[channel.email.relay]]\nurl = \"smtp://u:p@mail.example\"\nallow_plaintext = true",
        &[
            (7, 7, "shows a password", "env = \"NAME\""),
            (8, 19, "a password would leave this machine in plain text", "STARTTLS"),
        ],
    ),
    (
        "[channel.email]\nfrom = \"a@b.example\"\n[[channel.email.relay]]\nurl = \"smtps://127.0.0.1\"\nallow_plaintext = true\nca = \"replenish.toml\"",
        &[
            (6, 19, "`allow_plaintext` says nothing here", "leave it out"),
            (7, 6, "replenish.toml holds no certificate", "PEM"),
        ],
    ),
    (
        "[channel.crm]\nurl = \"https://x.example\"",
        &[(2, 1, "secret` is missing", "{ env = \"CRM_SECRET\" }")],
    ),
    (
        "[channel.crm]\nurl = \"http://x.example\"\nsecret = { env = \"CRM_SECRET\" }",
        &[(3, 7, "is not encrypted", "allow_private_network = true")],
    ),
    (
        "[channel.crm]\nurl = \"https://10.0.0.1\"\nsecret = { env = \"CRM_SECRET\" }",
        &[(3, 7, "private network", "allow_private_network = true")],
    ),
    (
        "[channel.crm]\nurl = \"https://x.example\"\nsecret = [{ env = \"CRM_SECRET\" }, \"hunter2\", { env = \"BAD\" }]",
        &[(4, 35, "a secret in plain sight", "{ env = \"NAME\" }"), (4, 46, "begins with whsec_", "base64")],
    ),
    (
        "[channel.crm]\nurl = \"https://x.example\"\nsecret = []",
        &[(4, 10, "`channel.crm.secret` is empty", "or a list")],
    ),
    (
        "[channel.crm]\nurl = \"https://x.example\"\nbody = \"b.json\"\ndelivered = [409, 200]\n[channel.crm.headers]\n\
         Host = \"x\"\nWebhook-Id = \"x\"\n\"X Y\" = \"x\"\nA = \"a\\nb\"\nB = \"{{ job\"\nC = 3\nD = { env = \"NONE\" }\n\
         Content-Type = \"a/b\"\ncontent-type = \"a/c\"",
        &[
            (5, 19, "is 200, which is not a whole number from 300 to 599", "[409]"),
            (7, 1, "host in `channel.crm.headers` is set by replenish", "leave it out"),
            (8, 1, "webhook-id in `channel.crm.headers` is set", "leave it out"),
            (9, 1, "`X Y` in `channel.crm.headers` is not a header's name", "X-Line-Retry-Key"),
            (10, 5, "`channel.crm.headers.A` holds a line break", "one line"),
            (11, 5, "`channel.crm.headers.B` is no template", "{{ job_uuid }}"),
            (12, 5, "`channel.crm.headers.C` is a whole number", "C = "),
            (13, 13, "NONE is not set", "set NONE"),
            (15, 1, "has content-type twice", "keep one"),
        ],
    ),
    (
        "[channel.crm]\nurl = \"https://x.example\"\nheaders = 3",
        &[(2, 1, "secret` is missing", ""), (4, 11, "must be a table", "Authorization")],
    ),
    // syntax: every line that is wrong, and what is wrong otherwise where the rest can still be read
    (
        "a = \nlocale = zh-TW",
        &[(2, 1, "unknown key `a`", ""), (2, 5, "not TOML", "quotes"), (3, 10, "not TOML", "quotes")],
    ),
    (
        "[http\n[queue]\ngrace = 3d\nfoo bar",
        &[
            (2, 6, "unclosed", "bracket"),
            (4, 9, "not TOML", "quotes"),
            (5, 5, "key with no value", "key = value"),
        ],
    ),
    ("locale = \"en\"\nlocale = \"ja\"", &[(3, 1, "duplicate key", "keep one")]),
    // a place counts characters, not bytes
    (
        "shop = { name = \"山丘\", adress = \"臺北\" }",
        &[(2, 23, "unknown key `adress`", "did you mean `address`?")],
    ),
];

#[test]
fn bad_settings_are_told() {
    for (text, expected) in SETTINGS_GALLERY {
        let folder = folder(&[("replenish.toml", &format!("timezone = \"UTC\"\n{text}\n"))]);
        let problems = load_in(&folder, &[]).err().unwrap_or_default();
        assert_told(text, &problems, "replenish.toml", expected);
    }
}

#[test]
fn bad_overrides_are_told_by_the_name_of_the_variable() {
    let rows: &[(&str, &str, Told)] = &[
        ("REPLENISH__TIMEZON", "UTC", (1, 1, "unknown key `timezon`", "did you mean `timezone`?")),
        ("REPLENISH__HTTP__PORT", "80", (1, 1, "unknown key `port` in `http`", "known here: listen")),
        ("REPLENISH__QUEUE__CONCURRENCY", "many", (1, 1, "is \"many\", which is not a whole number", "64")),
        ("REPLENISH__TIMEZONE", "Mars", (1, 1, "is \"Mars\", which is not a time zone", "IANA")),
        ("REPLENISH__RETRY", "fast", (1, 1, "`retry` is a text, but must be a table", "write [retry]")),
        ("REPLENISH__CHANNEL__CRM__SECRET", "{ env = \"NOPE\" }", (1, 9, "NOPE is not set", "set NOPE")),
        ("REPLENISH__QUEUE__URL", "redis://u:pw@host", (1, 1, "SQLite serves one", "postgres://")),
    ];
    for (name, value, expected) in rows {
        let problems = load_in(&folder(&[]), &[(name, value)]).err().unwrap_or_default();
        assert_told(name, &problems, name, &[*expected]);
    }
}
