//! Owns the sentences about what happened to a member, rather than to an item; knows nothing of templates.

use super::lifecycle::Stage;
use super::occasion::EventKind;
use super::reason::Language;

/// Why a message came that no purchase asked for, in the member's language; `on` is the day as people say it, `name`
/// the item's, where it is about one and the name does not stand beside the sentence.
pub fn sentence(language: Language, event: &EventKind, on: &str, name: Option<&str>) -> String {
    match language {
        Language::English => english(event, on, name),
        Language::Chinese => chinese(event, on, name),
    }
}

fn english(event: &EventKind, on: &str, name: Option<&str>) -> String {
    match event {
        EventKind::Joined => format!("You joined us on {on}."),
        EventKind::Stage(Stage::New) => format!("You bought from us for the first time on {on}."),
        EventKind::Stage(Stage::Regular | Stage::Loyal) => "You keep coming back to us.".to_owned(),
        EventKind::Stage(Stage::Lapsing | Stage::Lapsed) => {
            "It has been longer than usual since you last bought from us.".to_owned()
        }
        EventKind::MembershipExpiry => format!("Your membership ends on {on}."),
        EventKind::Festival(name) => format!("{name} begins on {on}."),
        EventKind::Anniversary(1) => format!("You joined us a year ago, on {on}."),
        EventKind::Anniversary(years) => format!("You joined us {years} years ago, on {on}."),
        EventKind::AskedAgain => {
            let about = name.map(|name| format!(" about {name}")).unwrap_or_default();
            format!("You asked to be reminded again{about}.")
        }
    }
}

fn chinese(event: &EventKind, on: &str, name: Option<&str>) -> String {
    match event {
        EventKind::Joined => format!("你在 {on}加入會員。"),
        EventKind::Stage(Stage::New) => format!("你在 {on}第一次購買。"),
        EventKind::Stage(Stage::Regular | Stage::Loyal) => "謝謝你一再回來。".to_owned(),
        EventKind::Stage(Stage::Lapsing | Stage::Lapsed) => "距離你上次購買,比平常久了一些。".to_owned(),
        EventKind::MembershipExpiry => format!("你的會員資格到 {on}為止。"),
        EventKind::Festival(name) => format!("{name}從 {on}開始。"),
        EventKind::Anniversary(years) => format!("你在 {on}加入會員,滿 {years} 年了。"),
        EventKind::AskedAgain => {
            let about = name.map(|name| format!("「{name}」")).unwrap_or_default();
            format!("你請我們再次提醒你{about}。")
        }
    }
}
