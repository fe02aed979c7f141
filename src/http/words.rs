//! Owns what the pages for members say, in both languages, as HTML; knows nothing of forms, headers or tokens.

use crate::channel::Shop;
use crate::desk::unsubscribe::{AGAIN_AFTER, Choice, Choices};
use crate::domain::reason::Language;
use crate::domain::wording::day;

/// Names told of a message about many items.
const TOLD: usize = 3;
/// Letters told of a name.
const LONGEST: usize = 80;

/// The page's title within it.
pub(super) fn heading(language: Language) -> &'static str {
    match language {
        Language::English => "<h1>Stop messages</h1>",
        Language::Chinese => "<h1>停止接收訊息</h1>",
    }
}

/// Whoever comes by is told that looking costs nothing.
pub(super) fn nothing_changed(language: Language) -> &'static str {
    match language {
        Language::English => "<p>Nothing has been changed yet.</p>",
        Language::Chinese => "<p>目前尚未變更任何設定。</p>",
    }
}

/// A form that was not ours, or came damaged.
pub(super) fn not_understood(language: Language) -> &'static str {
    match language {
        Language::English => "<p>We could not tell what you chose. Please choose again.</p>",
        Language::Chinese => "<p>無法辨識你的選擇，請重新選擇。</p>",
    }
}

/// What is asked above the buttons.
pub(super) fn question(language: Language) -> &'static str {
    match language {
        Language::English => {
            "<p>What should no longer reach you? Each choice takes one click, at no cost.</p>"
        }
        Language::Chinese => "<p>你不想再收到哪些訊息？按一下即可，完全免費。</p>",
    }
}

/// What is stopped already, one paragraph each; empty where nothing is.
pub(super) fn standing(choices: &Choices) -> String {
    let (stopped, language) = (choices.stopped, choices.language);
    let mut told = String::new();
    if stopped.reminders {
        told += match language {
            Language::English => "<p>Reminders are already stopped.</p>",
            Language::Chinese => "<p>回購提醒已經停止。</p>",
        };
    }
    let about = about(choices);
    match (stopped.items, stopped.until, language) {
        (true, _, Language::English) => {
            told += &format!("<p>Messages about {about} are already stopped.</p>")
        }
        (true, _, Language::Chinese) => told += &format!("<p>有關{about}的訊息已經停止。</p>"),
        (false, Some(_), _) if !stopped.reminders => told += &format!("<p>{}</p>", again(choices)),
        _ => {}
    }
    told
}

/// A choice: what the form sends, what the button says, and what it means.
pub(super) fn button(choices: &Choices, choice: Choice) -> (&'static str, String, String) {
    let about = about(choices);
    match choices.language {
        Language::English => english(choice, &about),
        Language::Chinese => chinese(choice, &about),
    }
}

fn english(choice: Choice, about: &str) -> (&'static str, String, String) {
    match choice {
        Choice::Later => (
            "later",
            format!("Remind me again in {AGAIN_AFTER} days"),
            format!("Until then, no reminder about {about}; and none if you buy it before."),
        ),
        Choice::Items => (
            "item",
            format!("Stop messages about {about}"),
            "Reminders and tips for other things may still come.".to_owned(),
        ),
        Choice::Reminders => {
            ("reminders", "Stop reminders".to_owned(), "Tips for what you bought may still come.".to_owned())
        }
        Choice::All => {
            ("all", "Stop all messages".to_owned(), "Neither reminders nor tips will come.".to_owned())
        }
    }
}

fn chinese(choice: Choice, about: &str) -> (&'static str, String, String) {
    match choice {
        Choice::Later => (
            "later",
            format!("{AGAIN_AFTER} 天後再提醒我"),
            format!("在那之前不再提醒{about}；期間若已購買，就不會再提醒。"),
        ),
        Choice::Items => {
            ("item", format!("停止有關{about}的訊息"), "仍可能收到其他商品的提醒與使用建議。".to_owned())
        }
        Choice::Reminders => {
            ("reminders", "停止回購提醒".to_owned(), "仍可能收到你所購商品的使用建議。".to_owned())
        }
        Choice::All => ("all", "停止所有訊息".to_owned(), "回購提醒與使用建議都不會再寄送。".to_owned()),
    }
}

/// What is stopped now, after a click.
pub(super) fn done(choices: &Choices, choice: Choice, shop: &Shop) -> String {
    let (language, about) = (choices.language, about(choices));
    let told = match (choice, language) {
        (Choice::All, _) => return all_stopped(language, shop),
        (Choice::Later, Language::English) => {
            format!("<h1>We will remind you again</h1><p>{}</p>", again(choices))
        }
        (Choice::Later, Language::Chinese) => format!("<h1>我們會再提醒你</h1><p>{}</p>", again(choices)),
        (Choice::Items, Language::English) => format!(
            "<h1>Messages about {about} are stopped</h1><p>You will get no more reminders and no more tips about {about} from us.</p>"
        ),
        (Choice::Items, Language::Chinese) => {
            format!("<h1>已停止有關{about}的訊息</h1><p>我們不會再寄有關{about}的提醒與使用建議給你。</p>")
        }
        (Choice::Reminders, Language::English) => {
            "<h1>Reminders are stopped</h1><p>You will get no more reminders from us.</p>".to_owned()
        }
        (Choice::Reminders, Language::Chinese) => {
            "<h1>已停止回購提醒</h1><p>我們不會再寄回購提醒給你。</p>".to_owned()
        }
    };
    if choice == Choice::Later { told } else { told + &way_back(language, shop) }
}

/// Nothing more is offered, but a way back.
pub(super) fn all_stopped(language: Language, shop: &Shop) -> String {
    let told = match language {
        Language::English => {
            "<h1>Messages are stopped</h1><p>You will get no more reminders and no more tips from us.</p>"
        }
        Language::Chinese => "<h1>已停止所有訊息</h1><p>我們不會再寄回購提醒與使用建議給你。</p>",
    };
    told.to_owned() + &way_back(language, shop)
}

/// When the next reminder comes that the member asked for; all of them pause where the items are not known.
fn again(choices: &Choices) -> String {
    let (language, about) = (choices.language, about(choices));
    let Some(until) = choices.stopped.until else {
        return match language {
            Language::English => format!("You will get no reminders for {AGAIN_AFTER} days."),
            Language::Chinese => format!("{AGAIN_AFTER} 天內不會再寄回購提醒給你。"),
        };
    };
    let on = day(language, until, choices.today);
    match language {
        Language::English => {
            format!("You will be reminded again about {about} on {on}, unless you buy it before.")
        }
        Language::Chinese => format!("我們會在 {on}再次提醒你{about}；若在那之前已購買，就不會再提醒。"),
    }
}

fn way_back(language: Language, shop: &Shop) -> String {
    let name = |usual: &str| escaped(shop.name.as_deref().unwrap_or(usual));
    let linked = |name: String| match &shop.url {
        Some(url) => format!("<a href=\"{}\">{name}</a>", escaped(url)),
        None => name,
    };
    match language {
        Language::English => {
            format!("<p>If you change your mind, please write to {}.</p>", linked(name("the shop")))
        }
        Language::Chinese => format!("<p>如果改變心意，請寫信告訴{}。</p>", linked(name("商店"))),
    }
}

/// What a message is about, by name; the names are the shop's data.
fn about(choices: &Choices) -> String {
    let items = &choices.items;
    let names: Vec<String> = items.iter().take(TOLD).map(|name| escaped(&cut(name))).collect();
    let more = items.len() - names.len();
    match (choices.language, names.split_last()) {
        (Language::English, Some((last, others))) if more == 0 && !others.is_empty() => {
            format!("{} and {last}", others.join(", "))
        }
        (Language::English, _) if more > 0 => format!("{} and {more} more", names.join(", ")),
        (Language::English, _) => names.concat(),
        (Language::Chinese, _) => {
            let quoted: Vec<String> = names.iter().map(|name| format!("「{name}」")).collect();
            let rest = if more > 0 { format!("等 {} 項商品", items.len()) } else { String::new() };
            quoted.join("、") + &rest
        }
    }
}

fn cut(name: &str) -> String {
    let mut letters = name.chars();
    let mut told: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() {
        told.push('…');
    }
    told
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            other => safe.push(other),
        }
    }
    safe
}
