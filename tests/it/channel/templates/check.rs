//! What `check` says of templates: every problem of every file with its place, and what is not known of everyone.

use std::collections::BTreeSet;
use std::path::Path;

use replenish::channel::{Templates, sample};
use replenish::domain::problem::Problem;

use super::{folder, scope};

/// `FILE:LINE:COLUMN MESSAGE`, for files of this folder.
fn told(folder: &Path, problems: &[Problem]) -> Vec<String> {
    let name = |file: &str| Path::new(file).strip_prefix(folder).unwrap().display().to_string();
    let told = |p: &Problem| format!("{}:{}:{} {}", name(&p.file), p.line, p.column, p.message);
    problems.iter().map(told).collect()
}

#[test]
fn every_problem_of_every_file_is_told_with_its_place() {
    let folder = folder(&[
        (
            "a-typo.jinja",
            "{% block subject %}s{% endblock %}\n{% block text %}\nHi  {{ member.nmae }}\n{% endblock %}",
        ),
        ("b-syntax.jinja", "{% block subject %}s{% endblock %}\n{% if %}\n"),
        ("c-subject.jinja", "{% block text %}t{% endblock %}"),
        ("d-nothing.zh.jinja", "{% block subject %}s{% endblock %}"),
        (
            "e-mjml.jinja",
            "{% block subject %}s{% endblock %}\n{% block mjml %}<mjml><oops></mjml>{% endblock %}",
        ),
        (
            "f-part.jinja",
            "{% block subject %}s{% endblock %}{% block text %}{% include \"_part.jinja\" %}{% endblock %}",
        ),
        ("_part.jinja", "\n {{ wrong }}"),
        (
            "g-filter.jinja",
            "{% block subject %}s{% endblock %}{% block text %}{{ member.name | date }}{% endblock %}",
        ),
        ("h-well.jinja", "{% block subject %}s{% endblock %}{% block text %}t{% endblock %}"),
        ("notes.txt", "{% not a template %}"),
    ]);
    let problems = Templates::load(folder.path()).err().unwrap();
    let told = told(folder.path(), &problems);
    let expected = [
        "_part.jinja:2:5 `wrong`",
        "a-typo.jinja:3:8 `member.nmae`",
        "b-syntax.jinja:2:7 ",
        "c-subject.jinja:1:1 there is no block `subject`",
        "d-nothing.zh.jinja:1:1 there is no block `text`",
        "e-mjml.jinja:2:1 MJML",
        "g-filter.jinja:1:",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told} does not start with {expected}");
    }
    assert!(problems.iter().all(|p| !p.help.is_empty()));
}

const STRAYS: &str = r#"{% block subject %}Hi {{ member.nmae }} {{ itmes }}{% endblock %}
{% block text %}
價 {{ member.nmae }} and {{ member.nick|default("you") }}
{% for item in items %}{{ item.need_dat | date }} {{ item.nme }} {% if item.foo %}x{% endif %}{% endfor %}
{% for x in thingz %}{{ x }}{% endfor %}
{{ items[0].prize | money("TWD") }} {{ member.name | mony }} {{ 12 | money("dollar") }}
{% if member.region == "nowhere" %}{{ membr.name }} {{ shop.nme }} {{ foo(1) }}{% endif %}
{% include "footr" %}{% include "footer" %}
{{ "價" ~ member.a ~ member.b }} {{ items[7].name }} {# {{ comment }} #} {{ "quoted" }} {{ dict(a=1).a }}
{% set own = 1 %}{{ own }}{% with two = 2 %}{{ two }}{% endwith %}{{ loop }}
{% endblock %}"#;

#[test]
fn every_name_that_is_never_known_is_told_with_what_was_meant() {
    let folder = folder(&[
        ("a.jinja", STRAYS),
        ("footer.jinja", "x {{ wrong }} {{ shop.name }} {{ unsubscrib_url }}"),
        ("footer.zh-TW.jinja", "{{ shop.adress }}"),
    ]);
    let problems = Templates::load(folder.path()).err().unwrap();
    let expected = [
        "a.jinja:1:26 `member.nmae` is not defined",
        "a.jinja:1:44 `itmes` is not defined",
        "a.jinja:3:6 `member.nmae` is not defined",
        "a.jinja:3:28 `member.nick` is not defined",
        "a.jinja:4:27 `item.need_dat` is not defined",
        "a.jinja:4:54 `item.nme` is not defined",
        "a.jinja:4:72 `item.foo` is not defined",
        "a.jinja:5:13 `thingz` is not defined",
        "a.jinja:6:4 `items[0].prize` is not defined",
        "a.jinja:6:54 filter mony is unknown",
        "a.jinja:6:70 `dollar` is no currency; write its ISO code, as `money(\"TWD\")`",
        "a.jinja:7:39 `membr` is not defined",
        "a.jinja:7:56 `shop.nme` is not defined",
        "a.jinja:7:71 `foo` is not defined",
        "a.jinja:8:4 tried to include non-existing template 'footr'",
        "a.jinja:9:10 `member.a` is not defined",
        "a.jinja:9:21 `member.b` is not defined",
        "a.jinja:9:36 `items[7].name` is not defined",
        "a.jinja:10:70 `loop` is not defined",
        "footer.jinja:1:6 `wrong` is not defined",
        "footer.jinja:1:34 `unsubscrib_url` is not defined",
        "footer.zh-TW.jinja:1:4 `shop.adress` is not defined",
    ];
    assert_eq!(told(folder.path(), &problems), expected);
    let meant = |at: usize| problems[at].help.split('?').next().unwrap();
    assert_eq!(
        [meant(0), meant(1), meant(4)],
        ["did you mean `name`", "did you mean `items`", "did you mean `need_date`"]
    );
    assert_eq!([meant(14), meant(20)], ["did you mean `footer`", "did you mean `unsubscribe_url`"]);
}

#[test]
fn what_is_not_known_of_everyone_is_a_warning() {
    let source = "{% block subject %}{{ member.name }}{{ items[1].name }}{% endblock %}\n\
        {% block text %}{{ items[0].need_date | date }} {{ items[0].url or \"x\" }} {{ items[0].usage_tip }}{% endblock %}";
    let folder = folder(&[
        ("a.zh-TW.jinja", source),
        (
            "b.jinja",
            "{% block subject %}{{ reason }}{% endblock %}{% block text %}{{ items[0].name }}{% endblock %}",
        ),
    ]);
    let templates = Templates::load(folder.path()).unwrap();
    let warnings = |itemless: &[&str]| {
        told(folder.path(), &templates.warnings(folder.path(), &itemless.iter().copied().collect()))
    };
    let expected = [
        "a.zh-TW.jinja:1:23 `member.name` is not known of every member or item",
        "a.zh-TW.jinja:1:40 `items[1].name` is not defined",
        "a.zh-TW.jinja:2:20 `items[0].need_date` is not known of every member or item",
        "a.zh-TW.jinja:2:78 `items[0].usage_tip` is not known of every member or item",
    ];
    assert_eq!(warnings(&[]), expected);
    assert_eq!(warnings(&["b"])[4..], ["b.jinja:1:65 `items[0].name` is not defined"]);
}

#[test]
fn a_part_without_underscore_is_one_when_others_name_it() {
    let whole = "{% block subject %}s{% endblock %}{% block text %}{% for item in items %}{% include 'row' %}{% endfor %}{% endblock %}";
    let row = ("row.jinja", "{{ item.name }}");
    assert!(Templates::load(folder(&[("t.jinja", whole), row]).path()).is_ok());
    let alone = folder(&[row]);
    let problems = Templates::load(alone.path()).err().unwrap();
    let told = told(alone.path(), &problems);
    assert_eq!(
        told,
        ["row.jinja:1:1 there is no block `subject`", "row.jinja:1:4 `item.name` is not defined"]
    );
}

#[test]
fn the_template_of_the_readme_goes_with_the_shipped_parts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let shown = readme.split("```jinja\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let parts = ["_layout", "_footer.en", "_footer.zh-TW", "_cautions.en", "_cautions.zh-TW"];
    let part = |name: &str| {
        let file = format!("{name}.jinja");
        (file.clone(), std::fs::read_to_string(root.join("config/templates").join(file)).unwrap())
    };
    let parts: Vec<_> = parts.into_iter().map(part).collect();
    let files: Vec<_> =
        parts.iter().map(|(file, text)| (&**file, &**text)).chain([("t.jinja", shown)]).collect();
    let folder = folder(&files);
    let templates = Templates::load(folder.path()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(
        told(folder.path(), &templates.warnings(folder.path(), &BTreeSet::new())),
        Vec::<String>::new()
    );
}

#[test]
fn mjml_extends_includes_and_is_checked_like_any_other() {
    let page = "{% block mjml %}<mjml><mj-body>{% block body %}{% endblock %}{% include \"foot\" %}</mj-body></mjml>{% endblock %}";
    let text =
        |words: &str| format!("<mj-section><mj-column><mj-text>{words}</mj-text></mj-column></mj-section>");
    let (body, foot) =
        (text("{{ member.nmae }}"), text("<a href=\"{{ unsubscribe_url }}\">{{ shop.nme }}</a>"));
    let whole = format!(
        "{{% extends \"_page\" %}}{{% block subject %}}s{{% endblock %}}{{% block body %}}{body}{{% endblock %}}"
    );
    let mended = (whole.replace("nmae", "name"), foot.replace("nme", "name"));
    let wrong = folder(&[("_page.jinja", page), ("foot.jinja", &foot), ("t.jinja", &whole)]);
    let problems = Templates::load(wrong.path()).err().unwrap();
    let expected =
        ["foot.jinja:1:68 `shop.nme` is not defined", "t.jinja:1:107 `member.nmae` is not defined"];
    assert_eq!(told(wrong.path(), &problems), expected);
    let right = folder(&[("_page.jinja", page), ("foot.jinja", &mended.1), ("t.jinja", &mended.0)]);
    let mut content = sample("en");
    content.name = Some("<Amy> & \"Bo\"".to_owned());
    let rendered = Templates::load(right.path()).unwrap().render("t", &scope(&content)).unwrap();
    let html = rendered.html.unwrap();
    assert!(html.contains("&lt;Amy&gt; &amp;") && html.contains("max-width"), "{html}");
    assert_eq!(rendered.text, "<Amy> & \"Bo\"\n\nShop & Co\nhttps://m.example/u/x\n");
}
