//! Owns what a mail server's refusal means, from where in the talk it came, its codes and its words; knows no connection.

use crate::domain::job::Delivery;
use crate::domain::reason::Reason;

/// What the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The connection, STARTTLS or the login.
    Connect,
    /// The sender.
    Mail,
    /// The recipient.
    Rcpt,
    /// The wish to send a text.
    Data,
    /// The text.
    Text,
}

/// What a refusal means: of a code from 400 on, with the enhanced code (RFC 3463) at the beginning of the words.
pub(super) fn meaning(step: Step, code: u16, words: &str) -> (Delivery, Reason) {
    let refusal = Refusal { step, code, enhanced: enhanced(words), words: words.to_lowercase() };
    match code {
        500.. => refusal.for_good(),
        _ => refusal.for_now(),
    }
}

struct Refusal<'a> {
    step: Step,
    code: u16,
    enhanced: Option<&'a str>,
    words: String,
}

impl Refusal<'_> {
    fn for_now(&self) -> (Delivery, Reason) {
        // A server that shuts the door says nothing about the message.
        if self.step == Step::Connect || (self.code == 421 && self.step < Step::Text) {
            (Delivery::Unreachable, Reason::Throttled)
        } else if self.is_greylisting() {
            (Delivery::Transient, Reason::Greylisted)
        } else if self.is_full() {
            (Delivery::Transient, Reason::MailboxFull)
        } else if self.is_throttling() {
            (Delivery::Unreachable, Reason::Throttled)
        } else {
            (Delivery::Transient, Reason::Deferred)
        }
    }

    fn for_good(&self) -> (Delivery, Reason) {
        if self.step == Step::Connect || self.asks_for_login() {
            (Delivery::Unreachable, Reason::Unreachable)
        } else if self.is_full() {
            (Delivery::Transient, Reason::MailboxFull)
        } else if self.is_unknown() {
            (Delivery::Permanent, Reason::NoSuchMailbox)
        } else {
            (Delivery::Permanent, Reason::Refused)
        }
    }

    fn is_greylisting(&self) -> bool {
        let is_named =
            self.says(&["greylist", "graylist", "grey list", "gray list", "grey-list", "gray-list"]);
        let is_likely = self.has(&["4.7.1"]) && self.says(&["try again", "temporarily"]);
        matches!(self.code, 450 | 451) && (is_named || (is_likely && !self.names_a_rate()))
    }

    fn is_throttling(&self) -> bool {
        self.has(&["4.3.2", "4.5.3", "4.7.0", "4.7.1", "4.7.28"]) || self.names_a_rate()
    }

    fn names_a_rate(&self) -> bool {
        self.says(&["rate", "too many", "too much mail", "throttl"])
    }

    fn is_full(&self) -> bool {
        let is_named = self.says(&["mailbox full", "mailbox is full", "over quota", "quota exceeded"]);
        // RFC 5321: insufficient storage, said of a recipient.
        let is_bare =
            self.code == 452 && self.step == Step::Rcpt && self.enhanced.is_none() && !self.names_a_rate();
        self.step >= Step::Rcpt && (self.has(&["4.2.2", "5.2.2"]) || is_named || is_bare)
    }

    /// True when the address does not exist. Some servers complain of the sender only when they hear the recipient.
    fn is_unknown(&self) -> bool {
        let is_known_code = self.has(&["5.1.1", "5.1.3", "5.1.6", "5.1.10"]);
        let is_policy = self.enhanced.is_some_and(|code| code.starts_with("5.7."));
        let is_named = self.says(&["user unknown", "unknown user", "no such user", "does not exist"]);
        matches!(self.code, 550 | 551 | 553)
            && self.step >= Step::Rcpt
            && (is_known_code || (is_named && !is_policy))
            && !self.says(&["sender"])
    }

    /// True when the server wants to know us first: the relay's settings are at fault, not the message.
    fn asks_for_login(&self) -> bool {
        let asks = matches!(self.code, 530 | 534 | 535 | 538);
        self.step < Step::Text && (asks || (self.has(&["5.7.0"]) && self.says(&["authenti"])))
    }

    fn has(&self, codes: &[&str]) -> bool {
        self.enhanced.is_some_and(|code| codes.contains(&code))
    }

    fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| match phrase.len() {
            // As a word of its own: "rate" is not in "corporate".
            ..=4 => self.words.split(|c: char| !c.is_alphanumeric()).any(|word| word == *phrase),
            _ => self.words.contains(phrase),
        })
    }
}

/// The enhanced code at the beginning of the words: class, subject and detail.
fn enhanced(words: &str) -> Option<&str> {
    let first = words.split_whitespace().next()?.trim_end_matches([':', ';', ',', '-']);
    let mut parts = first.split('.');
    let is_class = matches!(parts.next(), Some("4" | "5"));
    let is_number =
        |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let is_whole = is_number(parts.next()) && is_number(parts.next()) && parts.next().is_none();
    (is_class && is_whole).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_meaning() {
        use Delivery::{Permanent, Transient, Unreachable};
        use Reason::{Deferred, Greylisted, MailboxFull, NoSuchMailbox, Refused, Throttled};
        use Step::{Connect, Data, Mail, Rcpt, Text};
        let rows = [
            // the door is shut
            (Connect, "421 4.3.2 busy", Unreachable, Throttled),
            (Connect, "450 not now", Unreachable, Throttled),
            (Connect, "454 4.7.0 temporary authentication failure", Unreachable, Throttled),
            (Connect, "554 5.3.2 no service here", Unreachable, Reason::Unreachable),
            (Connect, "535 5.7.8 wrong password", Unreachable, Reason::Unreachable),
            (Mail, "421 4.4.2 time is over", Unreachable, Throttled),
            (Data, "421 closing", Unreachable, Throttled),
            (Text, "421 4.3.0 closing", Transient, Deferred),
            (Mail, "530 5.7.0 authentication required", Unreachable, Reason::Unreachable),
            (Mail, "530 Must issue a STARTTLS command first", Unreachable, Reason::Unreachable),
            (Rcpt, "550 5.7.0 you must authenticate", Unreachable, Reason::Unreachable),
            (Text, "550 5.7.0 authentication results: spf=fail", Permanent, Refused),
            // throttling
            (Mail, "451 4.3.2 system not accepting mail", Unreachable, Throttled),
            (Rcpt, "452 4.5.3 too many recipients", Unreachable, Throttled),
            (Rcpt, "452 too many recipients", Unreachable, Throttled),
            (Rcpt, "450 4.7.1 client host rejected", Unreachable, Throttled),
            (Rcpt, "450 4.7.1 rate limited, try again later", Unreachable, Throttled),
            (Text, "421 4.7.28 unusual rate of mail", Unreachable, Throttled),
            (Text, "450 4.2.1 the user is receiving mail at a rate that", Unreachable, Throttled),
            (Rcpt, "450 4.2.1 this corporate mailbox is busy", Transient, Deferred),
            // greylisting
            (Rcpt, "451 4.7.1 greylisted", Transient, Greylisted),
            (Rcpt, "450 4.2.0 <a@b>: Recipient address rejected: Greylisted, see", Transient, Greylisted),
            (Rcpt, "451 Grey list: come back in 300 seconds", Transient, Greylisted),
            (Rcpt, "450 4.7.1 please try again later", Transient, Greylisted),
            (Rcpt, "451 4.7.1 temporarily rejected", Transient, Greylisted),
            // full
            (Rcpt, "452 4.2.2 the mailbox is over its limit", Transient, MailboxFull),
            (Rcpt, "452 insufficient system storage", Transient, MailboxFull),
            (Mail, "452 4.3.1 insufficient system storage", Transient, Deferred),
            (Rcpt, "452 4.3.1 insufficient system storage", Transient, Deferred),
            (Rcpt, "550 5.2.2 over limit", Transient, MailboxFull),
            (Text, "552 mailbox is full", Transient, MailboxFull),
            (Text, "552 5.3.4 too large", Permanent, Refused),
            (Text, "552 exceeded storage allocation", Permanent, Refused),
            // other things for now
            (Rcpt, "450 4.2.1 busy mailbox", Transient, Deferred),
            (Data, "451 4.3.0 not now", Transient, Deferred),
            (Text, "451 4.3.0 disk is full", Transient, Deferred),
            (Text, "499 what", Transient, Deferred),
            // nobody lives there
            (Rcpt, "550 5.1.1 <a@b.example> rejected", Permanent, NoSuchMailbox),
            (Rcpt, "553 5.1.3 bad address", Permanent, NoSuchMailbox),
            (Rcpt, "550 5.1.6 has moved", Permanent, NoSuchMailbox),
            (Rcpt, "550 5.1.10 recipient not found", Permanent, NoSuchMailbox),
            (Rcpt, "550 No such user here", Permanent, NoSuchMailbox),
            (Text, "550-5.1.1 the account does not exist", Permanent, NoSuchMailbox),
            (Rcpt, "550 5.7.1 no such user, says our policy", Permanent, Refused),
            (Rcpt, "550 5.1.0 <x@y>: Sender address rejected: User unknown", Permanent, Refused),
            (Mail, "550 5.1.1 unknown", Permanent, Refused),
            (Mail, "553 5.1.8 sender does not exist", Permanent, Refused),
            (Rcpt, "550 5.1.2 host unknown", Permanent, Refused),
            // everything else for good
            (Rcpt, "550 5.7.1 relaying denied", Permanent, Refused),
            (Text, "554 5.7.1 looks like spam", Permanent, Refused),
            (Text, "550 no", Permanent, Refused),
            (Text, "550 ", Permanent, Refused),
        ];
        for (step, said, result, reason) in rows {
            let (code, words) = said.split_at(3);
            let words = words.trim_start_matches([' ', '-']);
            assert_eq!(meaning(step, code.parse().unwrap(), words), (result, reason), "{step:?} {said}");
        }
    }

    #[test]
    fn enhanced_codes_stand_at_the_beginning() {
        for (words, code) in [
            ("5.1.1 no", Some("5.1.1")),
            ("4.7.28: slow down", Some("4.7.28")),
            ("5.1 no", None),
            ("5.1.1.1 no", None),
            ("2.1.1 no", None),
            ("see 5.1.1", None),
            ("5..1", None),
            ("", None),
        ] {
            assert_eq!(enhanced(words), code, "{words}");
        }
    }
}
