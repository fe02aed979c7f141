//! Owns the closed list of reasons: why nothing was sent, or not yet; each with a sentence in two languages and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The languages that the product itself speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Traditional Chinese.
    Chinese,
}

impl Language {
    /// The language for a BCP 47 locale: Chinese for `zh…`, else English.
    pub fn of(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("zh") { Language::Chinese } else { Language::English }
    }
}

macro_rules! reasons {
    ($($name:ident $word:literal $english:literal $chinese:literal $advice:literal;)*) => {
        /// Why a message was not sent, or not yet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $english] #[serde(rename = $word)] $name,)*
        }

        impl Reason {
            /// The whole list.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// The word used in the ledger, in JSON and by filters.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $word,)* }
            }

            /// One sentence for people.
            pub fn sentence(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Reason::$name, Language::English) => $english,
                      (Reason::$name, Language::Chinese) => $chinese,)*
                }
            }

            /// What to do about it.
            pub fn advice(self) -> &'static str {
                match self { $(Reason::$name => $advice,)* }
            }
        }
    };
}

reasons! {
    // silences: the planner does not ask for a message
    TooFewPurchases "too_few_purchases" "The member has bought this too few times for the rule." "會員購買次數還不到規則要求。" "Wait for another purchase, or lower `needs.purchases`.";
    LowChance "low_chance" "The chance that the member buys within a week of the message is below the rule's threshold." "收到訊息後一週內回購的機率低於規則門檻。" "Lower `needs.chance` to write in spite of the doubt.";
    NotYet "not_yet" "The best day lies beyond what can be foreseen." "最佳日期還太遠,無法預測。" "Nothing: the next purchase will tell more.";
    TooFrequent "too_frequent" "The member buys this so often that the reminder would follow right after the purchase." "會員回購很頻繁,提醒會緊接在購買之後。" "Shorten `send.before`.";
    NotInAudience "not_in_audience" "The member does not belong to those the rule is for." "會員不在此規則的對象內。" "See the rule's `members`.";
    NotReplenishable "not_replenishable" "The product is bought once." "這項商品不需回購。" "Set `replenishable` on the product to change this.";
    Subscribed "subscribed" "The member receives this by subscription." "會員已訂閱這項商品。" "Nothing.";
    Covered "covered" "An earlier rule speaks for the same need." "已有優先的規則負責同一需求。" "Raise the rule's `priority` to let it speak first.";
    Served "served" "This cycle has had its message." "這個週期已發過訊息。" "Nothing: the next purchase starts a new cycle.";
    OlderCycle "older_cycle" "A later cycle has had its message already." "較新的週期已發過訊息。" "Nothing: a return or a late import never writes again.";
    AlreadyOver "already_over" "The time to write was over when this was first seen." "得知時已過了適合發送的時間。" "Nothing: old history mails nobody.";
    TooWide "too_wide" "The need date cannot be told closely enough for the rule." "需求日期的範圍太寬,不符合規則要求。" "Wait for another purchase, or raise `needs.spread`.";
    NotInSeason "not_in_season" "The message would fall outside the rule's dates." "發送日不在規則的期間內。" "See the rule's `from` and `until`.";
    NotDelivered "not_delivered" "Nobody has told when this purchase arrived." "尚不知道這筆訂單何時送達。" "Import the order with `delivered_at`.";
    NoDate "no_date" "The date that the rule counts from is not known of this member." "此會員沒有規則所依據的日期。" "Import the member with `joined_at` or `membership_expires_at`; a stage needs a purchase.";
    // verdicts: a guard holds or ends it
    NoConsent "no_consent" "The member has not agreed to messages of this purpose." "會員未同意接收此類訊息。" "Ask for consent, then import the member again.";
    Suppressed "suppressed" "The member or the address has opted out." "會員或地址已拒收。" "Respect it; only the member can take it back.";
    NoAddress "no_address" "The member has no address on this channel." "會員沒有此管道的聯絡方式。" "Import the member with an address, or use a webhook channel.";
    OutOfStock "out_of_stock" "The product cannot be bought now." "商品目前缺貨。" "Import the product with `in_stock` when it is back.";
    OrdersStale "orders_stale" "The order feed is too old to know whether the member has already bought." "訂單資料過舊,無法確認是否已回購。" "Look after the order import.";
    Reordered "reordered" "The member has bought it again." "會員已再次購買。" "Nothing: it was not needed.";
    StepBefore "step_before" "The message before it in the same turn has not gone, or only just." "同一週期的前一則訊息尚未發送,或才剛發送。" "Look at the message before it.";
    Returned "returned" "The purchase was returned or cancelled." "該筆購買已退貨或取消。" "Nothing.";
    Expired "expired" "The time in which the message was worth sending has passed." "已超過訊息有效期限。" "Look at what held it back, or lengthen `valid_for`.";
    QuietHours "quiet_hours" "It is outside the hours in which the member may be written to." "目前為勿擾時段或規則時段之外。" "Nothing: it goes when the hours allow.";
    FrequencyCap "frequency_cap" "The member has had enough messages lately." "會員近期收到的訊息已達上限。" "Nothing, or raise `frequency_cap`.";
    AlreadyReminded "already_reminded" "This purchase has had its reminder." "這筆購買已提醒過一次。" "Nothing, or set `one_reminder_per_purchase = false`.";
    Holdout "holdout" "The member belongs to the holdout that measures the rule." "會員屬於用來衡量成效的對照組。" "Nothing: writing to the holdout would spoil the measure.";
    Paused "paused" "A person has paused this." "已由人員暫停。" "`replenish resume` when it may go on.";
    Shadow "shadow" "The daemon runs in shadow: the message went to the outbox folder only." "目前為影子模式,訊息僅寫入 outbox 資料夾。" "Set `deliver = \"live\"` to send.";
    // what a person or a rule edit ended
    Withdrawn "withdrawn" "The rule that asked for it is gone or no longer asks." "提出此訊息的規則已移除或不再適用。" "Nothing, or bring the rule back.";
    CancelledByPerson "cancelled_by_person" "A person cancelled it." "已由人員取消。" "Replay it if that was a mistake.";
    // how deliveries end
    TemplateError "template_error" "The template cannot be rendered for this member." "此會員的範本無法產生內容。" "Mend the template, then replay.";
    ChannelMissing "channel_missing" "The channel is no longer in the settings." "設定中已沒有此管道。" "Bring the channel back, then replay.";
    Refused "refused" "The peer refuses the message for good." "對方永久拒收。" "Read its reply, mend the cause, then replay.";
    Deferred "deferred" "The peer refuses the message for now." "對方暫時拒收。" "Nothing: it is tried again.";
    Throttled "throttled" "The peer asks for patience." "對方要求放慢速度。" "Nothing: it is tried again without burning an attempt.";
    Unreachable "unreachable" "The peer cannot be reached." "無法連線到對方。" "Look after the peer; jobs wait and go when it is back.";
    NoAnswer "no_answer" "The peer took the message and fell silent." "已交付但對方沒有回應。" "Webhooks are sent again under the same id; for e-mail look at the relay's log, and replay what did not arrive.";
    ProcessDied "process_died" "The process died between hand-over and answer." "程序在交付與回應之間中止。" "Look at the relay's log, and replay what did not arrive.";
    AttemptsUsedUp "attempts_used_up" "The peer refused too many times." "重試次數已用完。" "Mend the cause, then replay.";
    Panicked "panicked" "A defect in this program stopped the delivery." "程式錯誤中斷了發送。" "Report it with the log; replay after the upgrade.";
}

impl Reason {
    /// The reason of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
