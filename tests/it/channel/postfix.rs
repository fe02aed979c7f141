//! Mail through a real Postfix: what is in the Maildir is what was sent, and its signatures hold.

use mail_parser::MessageParser;
use replenish::domain::job::Delivery;

use super::post::{channel, raw};
use super::{deliver, letter};
use crate::support::dkim::{ed25519, rsa, verdicts};
use crate::support::postfix::Postfix;

#[tokio::test]
async fn a_real_mail_server_delivers_every_letter_as_it_was_written() {
    let Some(postfix) = Postfix::start().await else { return };
    let channel = channel(&postfix.url(), vec![ed25519(), rsa()]);
    let long = "阿里山咖啡豆快用完了,該補貨囉!".repeat(12);
    let table = [
        ("您的咖啡豆快用完了 🫘 該補貨囉", "王小明", "王小明 您好\n.一行以點開頭\n", "wang@example.tw"),
        (long.as_str(), "歐陽, \"小\"\\明 (VIP) 👩‍👩‍👧‍👦", "結尾有空白   \n\n..\n.\n結束\n", "a.b+c@example.tw"),
        (
            "Refill 「濾紙 102」 now: 100%",
            "Wang, Ming",
            "plain lines\n.\nfrom a shop\n\n\n",
            "wang@example.tw",
        ),
        ("=?utf-8?B?5ZKW5ZWh?=", "=?utf-8?Q?x?=", "From me\nFrom you\n", "wang@example.tw"),
        ("許功蓋 𠮷野家 ㍿ Ａ", "堃 喆", "許功蓋\n𠮷野家\n", "王@example.tw"),
    ];
    for (subject, name, text, address) in table {
        let mut letter = letter();
        (letter.content.name, letter.email) = (Some(name.to_owned()), Some(address.to_owned()));
        let html = format!("<p>{}</p>\n", text.replace('\n', "<br>\n"));
        let rendered = letter.rendered.as_mut().unwrap();
        (rendered.subject, rendered.text, rendered.html) =
            (subject.to_owned(), text.to_owned(), Some(html.clone()));
        let outcome = deliver(&channel, &letter).await;
        assert_eq!(outcome.result, Delivery::Delivered, "{outcome:?}");
        let bytes = postfix.mail().await;
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.subject(), Some(subject));
        let (to, from) = (mail.to().unwrap().first().unwrap(), mail.from().unwrap().first().unwrap());
        assert_eq!((to.name(), to.address()), (Some(name), Some(address)));
        assert_eq!((from.name(), from.address()), (Some("好店 Shop"), Some("hello@shop.example")));
        assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n"), text);
        assert_eq!(mail.body_html(0).unwrap().replace("\r\n", "\n"), html);
        assert!(
            raw(&mail, "List-Unsubscribe").starts_with(&format!("<{}>, <mailto:", letter.unsubscribe_url))
        );
        assert_eq!(raw(&mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        assert_eq!(mail.message_id(), Some("j-4711@shop.example"));
        let both = [("ed".to_owned(), true), ("rsa".to_owned(), true)];
        assert_eq!(verdicts(&bytes).await, both, "{}", String::from_utf8_lossy(&bytes));
    }
}
