//! Wrong rules, each with what is told of it.

use super::{GOOD_RULE, Told, assert_told, folder, load_in};

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
