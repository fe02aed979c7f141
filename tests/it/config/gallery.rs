//! A gallery of mistakes in settings, rules and overrides, each with what people are told.

use super::{GOOD_RULE, Told, assert_told, folder, load_in};

/// Rows of settings, each below `timezone = "UTC"` on the first line.
const SETTINGS_GALLERY: &[(&str, &[Told])] = &[
    // unknown keys, at any depth
    ("delivr = \"live\"", &[(2, 1, "unknown key `delivr`", "did you mean `deliver`? known here: rules")]),
    ("[http]\nport = 80", &[(3, 1, "unknown key `port` in `http`", "known here: listen, public_url")]),
    ("[intake.orders.columns]\nmember = \"會員\"", &[(3, 1, "unknown key `member`", "member_id")]),
    ("[intake]\ninbox = \"inbox\"", &[(3, 1, "unknown key `inbox` in `intake`", "known here: max_rejects")]),
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

/// Rows of rules, each below the five lines of the good rule.
const RULES_GALLERY: &[(&str, &[Told])] = &[
    (
        "[[rules]]",
        &[(
            6,
            3,
            "unknown key `rules`",
            "did you mean `rule`? known here: rule, festival, unsuitable, guards",
        )],
    ),
    ("[rule2]\nx = 1", &[(6, 2, "unknown key `rule2`", "did you mean `rule`?")]),
    // a rule
    (
        "[[rule]]",
        &[
            (6, 1, "`rule.channel` is missing", "channel = "),
            (6, 1, "`rule.id` is missing", "id = \"refill\""),
            (6, 1, "`rule.kind` is missing", "kind = \"reminder\""),
            (6, 1, "`rule.send` does not say when", "at = \"best\""),
        ],
    ),
    ("chanel = 1", &[(6, 1, "unknown key `chanel` in `rule`", "did you mean `channel`?")]),
    (
        "colour = []",
        &[(
            6,
            1,
            "unknown key `colour` in `rule`",
            "known here: id, formerly, enabled, kind, on, send, about, per",
        )],
    ),
    ("about = { categroy = \"tea\" }", &[(6, 11, "unknown key `categroy` in `rule.about`", "`category`?")]),
    ("about = { tag = [1, \"a\"] }", &[(6, 18, "`rule.about.tag` is a whole number", "tag = ")]),
    ("about = { tag = [] }", &[(6, 17, "`rule.about.tag` is an empty list", "enabled = false")]),
    (
        "members = { stage = \"royal\" }",
        &[(6, 21, "\"royal\", which is not one of new", "did you mean `loyal`?")],
    ),
    ("members = { stage = [\"loyal\", \"lost\"] }", &[(6, 31, "\"lost\"", "known here: new, regular")]),
    ("per = \"member\"", &[(6, 7, "not one of product, group, category", "")]),
    ("needs = { chance = \"200%\" }", &[(6, 20, "not a share", "\"100%\"")]),
    ("needs = { purchases = 1.5 }", &[(6, 23, "is a number, but must be a whole number", "purchases = 2")]),
    (
        "combine_within = \"3 days\"",
        &[(6, 18, "\"3 days\", which is not a duration", "combine_within = \"3d\"")],
    ),
    ("valid_for = \"0d\"", &[(6, 13, "not a duration", "longer than nothing")]),
    ("valid_for = \"9999w\"", &[(6, 13, "not a duration", "ten years")]),
    ("priority = true", &[(6, 12, "is true or false, but must be a whole number", "priority = 10")]),
    ("template = \"refil\"", &[(6, 12, "\"refil\", which is not a template in", "did you mean `refill`?")]),
    ("on = \"purchase\"", &[(6, 6, "`rule.on` is for care messages", "kind = \"care\"")]),
    ("enabled = \"no\"", &[(6, 11, "must be true or false", "enabled = true")]),
    ("formerly = \"a b\"", &[(6, 12, "not a rule id", "letters, digits")]),
    // what two rules share
    (
        "[[rule]]\nid = \"good\"\nkind = \"care\"\non = \"purchase\"\nchannel = \"crm\"",
        &[(7, 6, "\"good\" stands already at", "own `id`")],
    ),
    (
        "[[rule]]\nid = \"new\"\nformerly = [\"good\"]\nkind = \"care\"\non = \"purchase\"\nchannel = \"crm\"",
        &[(8, 12, "\"good\" stands already at", "formerly")],
    ),
    // reminders and care messages
    (
        "[[rule]]\nid = \"x\"\nkind = \"reminder\"\nsend = { before = \"36h\", at = \"best\" }\nchannel = \"crn\"",
        &[
            (9, 8, "says twice when to send", "before = \"5d\""),
            (9, 19, "\"36h\", which is not a number of days", "whole days"),
            (10, 11, "\"crn\", which is not a channel of the settings", "did you mean `crm`?"),
        ],
    ),
    (
        "[[rule]]\nid = \"x\"\nkind = \"care\"\nsend = { before = \"5d\" }\nneeds = { chance = 0.1 }\nchannel = \"crm\"",
        &[
            (6, 1, "`rule.on` is missing", "on = \"purchase\""),
            (10, 20, "`rule.needs.chance` is for reminders", "take it out"),
        ],
    ),
    (
        "[[rule]]\nid = \"x\"\nkind = \"care\"\non = \"deliver\"\nchannel = \"email\"",
        &[
            (6, 1, "`rule.template` is missing", "template = \"refill\""),
            (9, 6, "\"deliver\", which is not one of purchase, first_purchase", "did you mean `delivered`?"),
        ],
    ),
    (
        "[[rule]]\nid = \"x\"\nkind = \"care\"\non = \"purchase\"\nsend = { before = \"5d\" }\nchannel = \"crm\"",
        &[(10, 10, "unknown key `before` in `rule.send`", "known here: after, time, days")],
    ),
    (
        "[[rule]]\nid = \"x\"\nkind = \"care\"\non = \"festival\"\nfestival = \"Double 12\"\nchannel = \"crm\"\n[[festival]]\nname = \"Double 11\"\nfrom = \"11-08\"\nuntil = \"11-12\"\ndo = \"hold\"",
        &[(10, 12, "no [[festival]] is called \"Double 12\"", "did you mean `Double 11`?")],
    ),
    (
        "[[rule]]\nid = \"x\"\nkind = \"care\"\non = \"purchase\"\nchannel = \"crm\"\nfrom = \"2026-12-01\"\nuntil = \"2026-11-01\"\n[[rule.step]]\nunless = [\"bough\"]",
        &[
            (12, 9, "`rule.until` lies before `rule.from`", "swap them"),
            (13, 1, "`rule.step.after` is missing", "after = \"7d\""),
            (14, 11, "\"bough\", which is not one of bought", "did you mean `bought`?"),
        ],
    ),
    (
        "[stages]\nlapsing = \"10%\"\nlapsed = \"30%\"",
        &[(8, 10, "`stages.lapsed` lies above `stages.lapsing`", "not above")],
    ),
    (
        "[[rule]]\nid = \"x\"\nkind = \"reminder\"\nchannel = \"crm\"\nsend = { at = \"best\", time = \"10:00\" }",
        &[(10, 30, "not a window of hours", "time = \"10:00-12:00\"")],
    ),
    // guards and festivals
    (
        "[guards]\nquiet_hours = \"21-9\"",
        &[(7, 15, "not a window of hours", "quiet_hours = \"21:00-09:00\"")],
    ),
    ("[guards]\nfrequency_cap = [\"3 per 7d\", \"3 a week\"]", &[(7, 30, "not a frequency cap", "per")]),
    (
        "[guards]\nfrequency_cap = \"mail: 3 per 7d\"",
        &[(7, 17, "not a frequency cap", "neither reminder nor care")],
    ),
    ("[guards]\nholdout = \"-1%\"", &[(7, 11, "not a share", "")]),
    ("[guards]\norders_fresh_within = \"never\"", &[(7, 23, "not a duration or \"off\"", "")]),
    ("[guards]\nconsent_unknown = \"webhook\"", &[(7, 19, "not one of webhook_only, allow, deny", "")]),
    ("[guards]\n[guards]", &[(7, 2, "duplicate key", "keep one")]),
    (
        "[[unsuitble]]\ntag = \"x\"",
        &[(
            6,
            3,
            "unknown key `unsuitble`",
            "did you mean `unsuitable`? known here: rule, festival, unsuitable, guards",
        )],
    ),
    ("[guards]\nminimum_gap = \"0d\"", &[(7, 15, "not a duration", "longer than nothing")]),
    ("[guards]\ndaily_budget = 0", &[(7, 16, "not a whole number", "out of range")]),
    (
        "[[unsuitable]]\nid = \"x\"\ndo = \"caution\"",
        &[
            (6, 1, "`unsuitable.text` is missing: a caution says something", "text = { en"),
            (6, 1, "names neither members nor products", "about = "),
        ],
    ),
    (
        "[[unsuitable]]\nid = \"x\"\nmembers = { tag = [\"a\"] }\ndo = \"skip\"\ntext = { en = \"no\" }",
        &[(10, 8, "goes with a caution", "take it out")],
    ),
    (
        "[[unsuitable]]\nid = \"x\"\nmembers = { tga = [\"a\"], tag = [\"b\"] }\ndo = \"caution\"\ntext = { zh_TW = \"x\", en = 3 }",
        &[
            (8, 13, "unknown key `tga`", "did you mean `tag`?"),
            (10, 10, "\"zh_TW\", which is not a locale", ""),
            (10, 28, "must be a text", ""),
        ],
    ),
    (
        "[[unsuitable]]\nid = \"x\"\nabout = { tag = \"a\" }\ndo = \"skip\"\n[[unsuitable]]\nid = \"x\"\nabout = { tag = \"b\" }\ndo = \"skip\"",
        &[(11, 6, "\"x\" stands already at", "its own `id`")],
    ),
    (
        "[[festival]]\nname = \"雙11\"\nfrom = \"11-31\"\nuntil = \"lunar 02-31\"\ndo = \"holds\"",
        &[
            (8, 8, "not a month and day", "from = \"11-08\""),
            (9, 9, "not a month and day", "`lunar` before it"),
            (10, 6, "not one of hold, pull_forward, merge", "did you mean `hold`?"),
        ],
    ),
    // syntax
    (
        "about = { category = coffee }\nvalid_for = 3d",
        &[(6, 22, "not TOML", "quotes"), (7, 13, "not TOML", "quotes")],
    ),
];

#[test]
fn bad_rules_are_told() {
    for (text, expected) in RULES_GALLERY {
        let folder = folder(&[("rules/a.toml", &format!("{GOOD_RULE}{text}\n"))]);
        let problems = load_in(&folder, &[]).err().unwrap_or_default();
        assert_told(text, &problems, "rules/a.toml", expected);
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
