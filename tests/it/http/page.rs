//! What the page for members offers and says, in both languages.

use std::collections::HashMap;

use replenish::desk::unsubscribe::{Choice, Choices, Stopped};
use replenish::domain::member::Purpose;
use replenish::domain::reason::Language;

use super::{FORM, Running, running};

impl Running {
    async fn page(&self, token: &str) -> String {
        self.get(&format!("/u/{token}")).await.text().await.unwrap()
    }

    async fn chosen(&self, token: &str, choice: &str) -> String {
        let answer = self.post(&format!("/u/{token}"), FORM, format!("choice={choice}")).await;
        assert_eq!(answer.status(), 200, "{choice}");
        answer.text().await.unwrap()
    }
}

pub fn members() -> HashMap<String, Choices> {
    let of = |language, items: &[&str]| Choices {
        language,
        items: items.iter().map(|name| (*name).to_owned()).collect(),
        purpose: (!items.is_empty()).then_some(Purpose::Reminder),
        stopped: Stopped::default(),
        today: "2026-06-01".parse().unwrap(),
    };
    let (english, chinese) = (Language::English, Language::Chinese);
    let many = ["A<script>", "B\"", "C'", "D", "E"];
    HashMap::from([
        ("anna".to_owned(), of(english, &[])),
        ("broken".to_owned(), of(english, &[])),
        ("ming".to_owned(), of(chinese, &[])),
        ("amy".to_owned(), of(english, &["Beans & Co", "Tea"])),
        ("mei".to_owned(), of(chinese, &["咖啡豆"])),
        ("max".to_owned(), of(english, &many)),
        ("man".to_owned(), of(chinese, &many)),
        ("cara".to_owned(), Choices { purpose: Some(Purpose::Care), ..of(english, &["Beans"]) }),
    ])
}

/// What the desk would find stopped from then on.
pub fn stop_one(member: &mut Choices, choice: Choice) {
    let stopped = &mut member.stopped;
    match choice {
        Choice::Items | Choice::Later if member.items.is_empty() => {}
        Choice::Items => stopped.items = true,
        Choice::Reminders => stopped.reminders = true,
        Choice::All => (stopped.all, stopped.reminders) = (true, true),
        Choice::Later => stopped.until = Some("2026-07-01".parse().unwrap()),
    }
}

/// The values of the buttons, in order.
pub fn buttons(page: &str) -> Vec<&str> {
    page.split("name=\"choice\" value=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_page_offers_what_is_left_and_says_what_is_stopped() {
    let face = running().await;
    let page = face.page("amy").await;
    assert_eq!(buttons(&page), ["later", "item", "reminders", "all"]);
    assert!(page.contains("Stop messages about Beans &amp; Co and Tea<"), "{page}");
    assert!(page.contains("Remind me again in 30 days") && page.contains("at no cost"), "{page}");
    assert_eq!(buttons(&face.page("cara").await), ["item", "reminders", "all"]);
    let later = face.chosen("amy", "later").await;
    assert!(
        later.contains("<h1>We will remind you again</h1>") && later.contains("Tea on July 1"),
        "{later}"
    );
    assert_eq!(later, face.chosen("amy", "later").await, "the same again");
    let page = face.page("amy").await;
    assert!(page.contains("reminded again about Beans &amp; Co and Tea on July 1"), "{page}");
    assert_eq!(buttons(&page), ["item", "reminders", "all"]);
    let items = face.chosen("amy", "item").await;
    assert!(items.contains("<h1>Messages about Beans &amp; Co and Tea are stopped</h1>"), "{items}");
    let page = face.page("amy").await;
    assert!(page.contains("are already stopped") && !page.contains("reminded again"), "{page}");
    assert_eq!(buttons(&page), ["reminders", "all"]);
    face.chosen("amy", "reminders").await;
    let page = face.page("amy").await;
    assert!(page.contains("Reminders are already stopped") && buttons(&page) == ["all"], "{page}");
    // a page from before is still open
    let late = face.chosen("amy", "later").await;
    assert!(late.contains("Reminders are stopped") && !late.contains("July"), "{late}");
    let all = face.chosen("amy", "all").await;
    let back = "write to <a href=\"https://shop.example/?a=1&amp;b=&quot;2\">Beans &amp; &lt;Co&gt;</a>";
    assert!(all.contains("Messages are stopped") && all.contains(back), "{all}");
    let page = face.page("amy").await;
    assert!(buttons(&page).is_empty() && page.contains(back) && !page.contains("<form"), "{page}");
    assert!(face.chosen("amy", "later").await.contains("Messages are stopped"));
}

#[tokio::test]
async fn a_member_reads_the_own_language_and_names_break_nothing() {
    let face = running().await;
    let page = face.page("mei").await;
    for said in ["30 天後再提醒我", "停止有關「咖啡豆」的訊息", "停止回購提醒", "停止所有訊息", "完全免費"]
    {
        assert!(page.contains(said), "{said} in {page}");
    }
    let later = face.chosen("mei", "later").await;
    assert!(later.contains("我們會在 7 月 1 日再次提醒你「咖啡豆」"), "{later}");
    let page = face.page("max").await;
    assert!(page.contains("about A&lt;script&gt;, B&quot;, C&#39; and 2 more<"), "{page}");
    assert!(!page.contains("<script"), "{page}");
    assert!(face.page("man").await.contains("「A&lt;script&gt;」、「B&quot;」、「C&#39;」等 5 項商品"));
    // nothing is known of the message: what is stopped is wider, and the page says so
    assert!(face.chosen("anna", "later").await.contains("no reminders for 30 days"));
    assert!(face.chosen("anna", "item").await.contains("Reminders are stopped"));
}

#[tokio::test]
async fn a_form_that_says_nothing_we_know_stops_nothing() {
    let face = running().await;
    for (token, says) in [("amy", "could not tell what you chose"), ("mei", "無法辨識你的選擇")] {
        for form in ["choice=everything", "choice=", "purpose=spam", "choice=later&choice=all"] {
            let answer = face.post(&format!("/u/{token}"), super::FORM, form).await;
            assert_eq!(answer.status(), 400, "{form}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(says) && !buttons(&page).is_empty(), "{page}");
        }
    }
    assert_eq!(face.stops(), []);
    let one_click = "choice=everything&List-Unsubscribe=One-Click";
    assert_eq!(face.post("/u/amy", super::FORM, one_click).await.status(), 200, "a provider's word counts");
    assert_eq!(face.stops().len(), 1);
}
