//! Templates from a folder: what is checked, what is escaped, which file is taken.

mod check;

use std::path::Path;

use chrono::TimeZone as _;
use chrono_tz::Asia::Taipei;
use replenish::channel::{Rendered, Scope, Shop, TemplateError, Templates, sample};
use replenish::domain::job::Content;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        std::fs::write(folder.path().join(name), source).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Templates {
    Templates::load(folder(files).path()).unwrap()
}

fn scope(content: &Content) -> Scope {
    let shop = Shop { name: Some("Shop & Co".to_owned()), ..Shop::default() };
    let now = Taipei.with_ymd_and_hms(2026, 3, 2, 10, 0, 0).unwrap();
    Scope::new(content, &"refill".into(), 1, "https://m.example/u/x", &shop, now)
}

fn render(source: &str, content: &Content) -> Result<Rendered, TemplateError> {
    load(&[("t.jinja", source)]).render("t", &scope(content))
}

#[test]
fn values_are_escaped_in_html_and_nowhere_else() {
    let mut content = sample("en");
    content.name = Some("<b>\"Wang\" & 'son'</b>".to_owned());
    let source = "{% macro hi(name) %}Hi {{ name }} of {{ shop.name }}{% endmacro %}\
        {% block subject %}{{ hi(member.name) }}{% endblock %}\
        {% block text %}{{ hi(member.name) }}{% endblock %}\
        {% block html %}<p title=\"{{ member.name }}\">{{ hi(member.name) }}</p>{% endblock %}";
    let rendered = render(source, &content).unwrap();
    assert_eq!(rendered.subject, "Hi <b>\"Wang\" & 'son'</b> of Shop & Co");
    assert_eq!(rendered.text, "Hi <b>\"Wang\" & 'son'</b> of Shop & Co\n");
    let html = rendered.html.unwrap();
    assert!(!html.contains("<b>") && html.contains("&lt;b&gt;") && html.contains("Shop &amp; Co"), "{html}");
    assert_eq!(html.matches('"').count(), 2, "{html}");
}

#[test]
fn a_subject_is_one_line() {
    let mut content = sample("en");
    content.name = Some("Wang\r\nBcc: all@example.org".to_owned());
    let rendered = render(
        "{% block subject %}\n  Hello\n  {{ member.name }}\n{% endblock %}{% block text %}x{% endblock %}",
        &content,
    );
    assert_eq!(rendered.unwrap().subject, "Hello Wang Bcc: all@example.org");
}

#[test]
fn dates_are_written_as_people_do_even_inside_macros() {
    let source = "{% macro row(i) %}{{ i.need_date | date }} {{ i.interval_days | days }}{% endmacro %}\
        {% block subject %}{{ items[0].need_date }}{% endblock %}\
        {% block text %}{{ row(items[0]) }}; {{ now | date }}; {{ \"2027-01-10\" | date }}; {{ items[0].quantity }}{% endblock %}";
    let text = |locale| render(source, &sample(locale)).unwrap();
    assert_eq!(text("zh-TW").text, "3 月 7 日 32 天; 3 月 2 日; 2027 年 1 月 10 日; 2\n");
    assert_eq!(text("en-US").text, "March 7 32 days; March 2; January 10, 2027; 2\n");
    assert_eq!(text("en-US").subject, "2026-03-07");
}

#[test]
fn the_nearest_locale_speaks() {
    let blocks = |word: &str| {
        format!("{{% block subject %}}{word}{{% endblock %}}{{% block text %}}{word}{{% endblock %}}")
    };
    let (tw, zh, any) = (blocks("tw"), blocks("zh"), blocks("any"));
    let templates =
        load(&[("a.zh-TW.jinja", &tw), ("a.zh.jinja", &zh), ("a.jinja", &any), ("b.zh.jinja", &zh)]);
    let table = [
        ("zh-TW", "tw"),
        ("zh-tw", "tw"),
        ("zh_TW", "tw"),
        ("zh-Hant-TW", "zh"),
        ("zh-HK", "zh"),
        ("zh", "zh"),
        ("en", "any"),
        ("", "any"),
    ];
    for (locale, word) in table {
        assert_eq!(templates.render("a", &scope(&sample(locale))).unwrap().subject, word, "{locale}");
    }
    assert!(matches!(templates.render("b", &scope(&sample("en"))), Err(TemplateError::Missing { .. })));
    assert!(templates.has("a") && templates.has("b") && !templates.has("c") && !templates.has(""));
}

#[test]
fn text_is_derived_from_html() {
    let source = "{% block subject %}s{% endblock %}{% block html %}<style>p{}</style><h1>Hi {{ member.name }}</h1>\
        <p><a href=\"{{ items[0].url }}\">{{ items[0].name }}</a></p>{% endblock %}";
    let rendered = render(source, &sample("en")).unwrap();
    assert_eq!(rendered.text, "Hi Amy Wang\n\nCoffee beans <dark>\nhttps://shop.example/p/A1\n");
}

#[test]
fn mjml_becomes_html_that_fetches_nothing() {
    let source = "{% block subject %}s{% endblock %}{% block mjml %}<mjml><mj-body><mj-section><mj-column>\
        <mj-text>Hi {{ items[0].name }}</mj-text><mj-button href=\"{{ items[0].url }}\">Order</mj-button>\
        </mj-column></mj-section></mj-body></mjml>{% endblock %}";
    let rendered = render(source, &sample("en")).unwrap();
    let html = rendered.html.unwrap();
    assert!(html.contains("<table") && html.contains("Hi Coffee beans &lt;dark&gt;"), "{html}");
    assert!(!html.contains("fonts.googleapis"), "{html}");
    assert_eq!(rendered.text, "Hi Coffee beans <dark>\n\nOrder\nhttps://shop.example/p/A1\n");
}

#[test]
fn templates_extend_and_include_others() {
    let templates = load(&[
        (
            "_base.jinja",
            "{% block subject %}from {{ shop.name }}{% endblock %}{% block html %}<div>{% block body %}{% endblock %}{% include \"_foot.jinja\" %}</div>{% endblock %}",
        ),
        ("_foot.jinja", "<i>{{ shop.name }}</i>"),
        ("t.jinja", "{% extends \"_base.jinja\" %}{% block body %}<p>{{ reason }}</p>{% endblock %}"),
    ]);
    let rendered = templates.render("t", &scope(&sample("en"))).unwrap();
    assert_eq!(rendered.subject, "from Shop & Co");
    assert_eq!(
        rendered.html.unwrap(),
        "<div><p>You usually buy this every 32 days.</p><i>Shop &amp; Co</i></div>"
    );
}

#[test]
fn parts_are_found_by_name_in_the_locale_of_the_message() {
    let whole = "{% extends \"_page\" %}{% block subject %}s{% endblock %}\
        {% block body %}{% import \"_words\" as words %}{{ words.hello() }}{% endblock %}";
    let templates = load(&[
        (
            "_page.jinja",
            "{% block text %}{% block body %}{% endblock %} {% include \"footer\" %}{% endblock %}",
        ),
        ("_words.jinja", "{% macro hello() %}Hello{% endmacro %}"),
        ("_words.zh.jinja", "{% macro hello() %}你好{% endmacro %}"),
        ("footer.jinja", "from {{ shop.name }}"),
        ("footer.zh-TW.jinja", "{{ shop.name }} 敬上"),
        ("footer.en-GB.jinja", "yours, {{ shop.name }}"),
        ("t.jinja", whole),
    ]);
    let table = [
        ("zh-TW", "你好 Shop & Co 敬上\n"),
        ("zh-Hant-TW", "你好 from Shop & Co\n"),
        ("zh_tw", "你好 Shop & Co 敬上\n"),
        ("en-GB", "Hello yours, Shop & Co\n"),
        ("en", "Hello from Shop & Co\n"),
        ("ja", "Hello from Shop & Co\n"),
    ];
    for (locale, text) in table {
        assert_eq!(templates.render("t", &scope(&sample(locale))).unwrap().text, text, "{locale}");
    }
    assert_eq!(templates.locales("t"), Vec::<&str>::new());
}

#[test]
fn prices_and_lists_are_written_in_the_language_of_the_message() {
    let source = "{% block subject %}s{% endblock %}{% block text %}{{ 1280 | money(\"TWD\") }} {{ \"12.8\" | money(\"USD\") }}; \
        {{ items | map(attribute=\"name\") | list_and }}; {{ [\"A\", \"B\", \"C\"] | list_and }}; {{ 1280 | money }}{% endblock %}\
        {% block html %}{{ items | map(attribute=\"name\") | list_and }}{% endblock %}";
    let (zh, en) = (render(source, &sample("zh-TW")).unwrap(), render(source, &sample("en")).unwrap());
    assert_eq!(zh.text, "NT$1,280 US$12.80; 咖啡豆 <深焙>和濾紙; A、B 和 C; 1,280\n");
    assert_eq!(en.text, "NT$1,280 $12.80; Coffee beans <dark> and Filter paper; A, B and C; 1,280\n");
    assert_eq!(en.html.unwrap(), "Coffee beans &lt;dark&gt; and Filter paper");
    let priced = Shop { currency: Some("EUR".to_owned()), ..Shop::default() };
    let now = Taipei.with_ymd_and_hms(2026, 3, 2, 10, 0, 0).unwrap();
    let scope = Scope::new(&sample("en"), &"refill".into(), 1, "https://m.example/u/x", &priced, now);
    let templates = load(&[("t.jinja", source)]);
    assert!(templates.render("t", &scope).unwrap().text.ends_with("; €1,280.00\n"));
}

#[test]
fn what_members_and_shops_are_called_breaks_nothing() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/templates");
    let templates = Templates::load(&shipped).unwrap();
    let long = "長".repeat(10_000);
    let names = [
        "<script>alert(1)</script>",
        "a\r\nBcc: all@example.org\r\n\r\nx",
        "{{ shop.name }}{% raw %}",
        "\"><img src=x onerror=1>",
        &long,
    ];
    for (name, locale) in names.into_iter().flat_map(|name| [(name, "en"), (name, "zh-TW")]) {
        let mut content = sample(locale);
        (content.name, content.reason) = (Some(name.to_owned()), name.to_owned());
        content.items[0].name = name.to_owned();
        content.cautions = vec![name.to_owned()];
        for template in ["refill", "how-to-use", "first-bottle", "midway", "lapsing", "membership"] {
            let Rendered { subject, text, html } = templates.render(template, &scope(&content)).unwrap();
            let html = html.unwrap();
            assert!(!subject.contains(['\r', '\n']), "{subject:?}");
            assert!(
                !html.contains("<script") && !html.contains("<img") && html.contains("</html>"),
                "{html}"
            );
            assert!(!html.contains("Shop & Co") && html.contains("Shop &amp; Co"), "{html}");
            let spoken = name.split(['\r', '\n']).next().unwrap();
            assert!(text.contains(spoken), "{template}: {text}");
        }
    }
}

#[test]
fn what_is_not_known_of_a_member_is_not_written() {
    let mut content = sample("en");
    content.name = None;
    content.items[0].need_date = None;
    for wrong in ["{{ member.name }}", "{{ items[0].need_date | date }}", "{{ items[0].need_date }}"] {
        let source =
            format!("{{% block subject %}}s{{% endblock %}}\n{{% block text %}}{wrong}{{% endblock %}}");
        let error = render(&source, &content).err().unwrap().to_string();
        assert!(error.starts_with("t.jinja:2:") && error.contains("not known"), "{error}");
    }
    let source = "{% block subject %}s{% endblock %}{% block text %}Dear {{ member.name or \"you\" }}\
        {% if items[0].need_date %} until {{ items[0].need_date | date }}{% endif %}{% endblock %}";
    assert_eq!(render(source, &content).unwrap().text, "Dear you\n");
}

#[test]
fn only_web_addresses_become_links() {
    let mut content = sample("en");
    let source =
        "{% block subject %}s{% endblock %}{% block text %}{{ items[0].url or \"none\" }}{% endblock %}";
    for (url, written) in [
        ("https://a.example/x?y=1", "https://a.example/x?y=1\n"),
        ("HTTP://a.example", "HTTP://a.example\n"),
        ("javascript:alert(1)", "none\n"),
        ("https://a.example/\nx", "none\n"),
        ("//a.example", "none\n"),
    ] {
        content.items[0].url = Some(url.to_owned());
        assert_eq!(render(source, &content).unwrap().text, written);
    }
}

#[test]
fn a_folder_that_is_not_there_has_no_templates() {
    let root = tempfile::tempdir().unwrap();
    assert!(!Templates::load(&root.path().join("none")).unwrap().has("a"));
    std::fs::write(root.path().join("x.jinja"), [0xff, 0xfe, 0x00]).unwrap();
    let problems = Templates::load(root.path()).err().unwrap();
    assert!(problems.len() == 1 && problems[0].file.ends_with("x.jinja"));
}
