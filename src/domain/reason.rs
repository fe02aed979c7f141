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
    ($($name:ident $word:literal $english:literal $chinese:literal $advice:literal $advice_chinese:literal;)*) => {
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
            pub fn advice(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Reason::$name, Language::English) => $advice,
                      (Reason::$name, Language::Chinese) => $advice_chinese,)*
                }
            }
        }
    };
}

reasons! {
    // silences: the planner does not ask for a message
    TooFewPurchases "too_few_purchases" "The member has bought this too few times for the rule." "會員購買次數還不到規則要求。" "Wait for another purchase, or lower `needs.purchases`." "等會員再次購買,或調低 `needs.purchases`。";
    LowChance "low_chance" "The chance that the member buys within a week of the message is below the rule's threshold." "收到訊息後一週內回購的機率低於規則門檻。" "Lower `needs.chance` to write in spite of the doubt." "若仍想發送,請調低 `needs.chance`。";
    NotYet "not_yet" "The best day lies beyond what can be foreseen." "最佳日期還太遠,無法預測。" "Nothing: the next purchase will tell more." "不需處理:下一次購買後會更清楚。";
    TooFrequent "too_frequent" "The member buys this so often that the reminder would follow right after the purchase." "會員回購很頻繁,提醒會緊接在購買之後。" "Shorten `send.before`." "縮短 `send.before`。";
    NotInAudience "not_in_audience" "The member does not belong to those the rule is for." "會員不在此規則的對象內。" "See the rule's `members`." "查看規則的 `members`。";
    NotReplenishable "not_replenishable" "The product is bought once." "這項商品不需回購。" "Set `replenishable` on the product to change this." "如需改變,請設定商品的 `replenishable`。";
    Subscribed "subscribed" "The member receives this by subscription." "會員已訂閱這項商品。" "Nothing." "不需處理。";
    NotAbout "not_about" "The rule is about other products." "此規則針對其他商品。" "Nothing, or see the rule's `about`." "不需處理,或查看規則的 `about`。";
    Covered "covered" "An earlier rule speaks for the same need." "已有優先的規則負責同一需求。" "Raise the rule's `priority` to let it speak first." "若要讓它先發,請調高規則的 `priority`。";
    Served "served" "This cycle has had its message." "這個週期已發過訊息。" "Nothing: the next purchase starts a new cycle." "不需處理:下一次購買會開始新的週期。";
    OlderCycle "older_cycle" "A later cycle has had its message already." "較新的週期已發過訊息。" "Nothing: a return or a late import never writes again." "不需處理:退貨或較晚匯入的訂單不會再次發送。";
    AlreadyOver "already_over" "The time to write was over when this was first seen." "得知時已過了適合發送的時間。" "Nothing: old history mails nobody." "不需處理:舊的歷史訂單不會觸發任何訊息。";
    TooWide "too_wide" "The need date cannot be told closely enough for the rule." "需求日期的範圍太寬,不符合規則要求。" "Wait for another purchase, or raise `needs.spread`." "等下一次購買,或放寬 `needs.spread`。";
    NotInSeason "not_in_season" "The message would fall outside the rule's dates." "發送日不在規則的期間內。" "See the rule's `from` and `until`." "請看規則的 `from` 與 `until`。";
    NotDelivered "not_delivered" "Nobody has told when this purchase arrived." "尚不知道這筆訂單何時送達。" "Import the order with `delivered_at`." "匯入訂單時附上 `delivered_at`。";
    NoDate "no_date" "The date that the rule counts from is not known of this member." "此會員沒有規則所依據的日期。" "Import the member with `joined_at` or `membership_expires_at`; a stage needs a purchase." "匯入會員時附上 `joined_at` 或 `membership_expires_at`;階段則需要購買紀錄。";
    // verdicts: a guard holds or ends it
    NoConsent "no_consent" "The member has not agreed to messages of this purpose." "會員未同意接收此類訊息。" "Ask for consent, then import the member again." "徵得會員同意後,再匯入一次會員資料。";
    Suppressed "suppressed" "The member or the address has opted out." "會員或地址已拒收。" "Respect it: only the member can take it back. After a bounce, import another address." "請尊重會員的選擇:只有會員本人能恢復。若是退信,請匯入其他地址。";
    NoAddress "no_address" "The member has no address on this channel." "會員沒有此管道的聯絡方式。" "Import the member with an address, or use a webhook channel." "匯入會員的聯絡方式,或改用 webhook 管道。";
    OutOfStock "out_of_stock" "The product cannot be bought now." "商品目前缺貨。" "Import the product with `in_stock` when it is back." "到貨後匯入商品,並設定 `in_stock`。";
    OrdersStale "orders_stale" "The order feed is too old to know whether the member has already bought." "訂單資料過舊,無法確認是否已回購。" "Look after the order import." "檢查訂單匯入是否正常。";
    ImportUnderWay "import_under_way" "Orders are being imported, and the member's latest may not be in yet." "訂單正在匯入,會員的最新訂單可能尚未匯入。" "Nothing: it goes when the import is done." "不需處理:匯入完成後就會發送。";
    Reordered "reordered" "The member has bought it again." "會員已再次購買。" "Nothing: it was not needed." "不需處理:已經不需要提醒。";
    StepBefore "step_before" "The message before it in the same turn has not gone, or only just." "同一週期的前一則訊息尚未發送,或才剛發送。" "Look at the message before it." "請看前一則訊息。";
    Returned "returned" "The purchase was returned or cancelled." "該筆購買已退貨或取消。" "Nothing." "不需處理。";
    Expired "expired" "The time in which the message was worth sending has passed." "已超過訊息有效期限。" "Look at what held it back, or lengthen `valid_for`." "查看是什麼延誤了發送,或延長 `valid_for`。";
    QuietHours "quiet_hours" "It is outside the hours in which the member may be written to." "目前為勿擾時段或規則時段之外。" "Nothing: it goes when the hours allow." "不需處理:到了可發送的時段就會送出。";
    FrequencyCap "frequency_cap" "The member has had enough messages lately." "會員近期收到的訊息已達上限。" "Nothing, or raise `frequency_cap`." "不需處理,或調高 `frequency_cap`。";
    MinimumGap "minimum_gap" "The member had a message only a short while ago." "距離會員上一則訊息的時間太短。" "Nothing, or shorten `minimum_gap`." "不需處理,或縮短 `minimum_gap`。";
    DailyBudget "daily_budget" "The shop has sent as many messages today as it allows itself." "今日訊息量已達商店設定的上限。" "Nothing, or raise `daily_budget`; a rule's `priority` decides who goes first." "不需處理,或提高 `daily_budget`;規則的 `priority` 決定先後。";
    Unsuitable "unsuitable" "The product does not suit this member." "這項商品不適合此會員。" "Nothing; `[[unsuitable]]` says for whom." "不需處理;對象由 `[[unsuitable]]` 決定。";
    AlreadyReminded "already_reminded" "This purchase has had its reminder." "這筆購買已提醒過一次。" "Nothing, or set `one_reminder_per_purchase = false`." "不需處理,或設定 `one_reminder_per_purchase = false`。";
    Holdout "holdout" "The member belongs to the holdout that measures the rule." "會員屬於用來衡量成效的對照組。" "Nothing: writing to the holdout would spoil the measure." "不需處理:發給對照組會破壞成效衡量。";
    Paused "paused" "A person has paused this, or an endpoint that is gone." "已由人員暫停,或因接收端停用而暫停。" "`replenish resume` when it may go on." "可以繼續時執行 `replenish resume`。";
    Shadow "shadow" "The daemon runs in shadow: the message went to the outbox folder only." "目前為影子模式,訊息僅寫入 outbox 資料夾。" "Set `deliver = \"live\"` to send." "要實際發送,請設定 `deliver = \"live\"`。";
    // what a person or a rule edit ended
    Withdrawn "withdrawn" "The rule that asked for it is gone or no longer asks." "提出此訊息的規則已移除或不再適用。" "Nothing, or bring the rule back." "不需處理,或恢復該規則。";
    CancelledByPerson "cancelled_by_person" "A person cancelled it." "已由人員取消。" "Replay it if that was a mistake." "若是誤按,請重送。";
    Forgotten "forgotten" "The member was erased." "會員資料已刪除。" "Nothing: nobody of this id or address is written to again." "不需處理:此編號與地址不會再收到訊息。";
    // how deliveries end
    TemplateError "template_error" "The template cannot be rendered for this member." "此會員的範本無法產生內容。" "Mend the template, then replay." "修正範本後重送。";
    ChannelMissing "channel_missing" "The channel is no longer in the settings." "設定中已沒有此管道。" "Bring the channel back, then replay." "恢復該管道後重送。";
    Refused "refused" "The peer refuses the message for good." "對方永久拒收。" "Read its reply, mend the cause, then replay." "查看對方的回覆,排除原因後重送。";
    Deferred "deferred" "The peer refuses the message for now." "對方暫時拒收。" "Nothing: it is tried again." "不需處理:會自動重試。";
    Throttled "throttled" "The peer asks for patience." "對方要求放慢速度。" "Nothing: it is tried again without burning an attempt." "不需處理:會自動重試,且不計入嘗試次數。";
    Greylisted "greylisted" "The mail server does not know us yet, and asks to be tried again." "收件主機尚不認識我們,要求稍後再試(灰名單)。" "Nothing: it is tried again after some minutes." "不需處理:幾分鐘後會自動重試。";
    MailboxFull "mailbox_full" "The member's mailbox is full." "會員的信箱已滿。" "Nothing: it is tried again after some hours." "不需處理:幾小時後會自動重試。";
    NoSuchMailbox "no_such_mailbox" "The member's address does not exist." "會員的電子郵件地址不存在。" "Import the member with another address; this one gets no more mail." "請匯入會員的其他地址;此地址不會再收到郵件。";
    EndpointGone "endpoint_gone" "The endpoint says that it is gone for good (410); its channel is paused." "接收端表示已永久停用(410);此管道已暫停。" "Mend the `url`, restart, then `replenish resume --channel`." "修正 `url` 並重新啟動後,執行 `replenish resume --channel`。";
    Paced "paced" "The peer's rate is used up for the moment." "對方的發送速率目前已達上限。" "Nothing, or raise the `rate`." "不需處理,或調高 `rate`。";
    Resting "resting" "The peer failed again and again and is given a rest." "對方連續失敗,暫時停止發送。" "Look after the peer; it is tried again after seconds to minutes." "檢查對方是否正常;數秒至數分鐘後會再試。";
    Unreachable "unreachable" "The peer cannot be reached." "無法連線到對方。" "Look after the peer; jobs wait and go when it is back." "檢查對方是否正常;訊息會等到恢復後再送出。";
    NoAnswer "no_answer" "The peer took the message and fell silent." "已交付但對方沒有回應。" "Webhooks are sent again under the same id; for e-mail look at the relay's log, then `jobs resolve` what arrived (`--delivered`) and what did not (`--resend`)." "Webhook 會以相同編號再次送出;電子郵件請查看轉送主機的紀錄,再以 `jobs resolve` 處理:已送達用 `--delivered`,未送達用 `--resend`。";
    ProcessDied "process_died" "The process died between hand-over and answer." "程序在交付與回應之間中止。" "Look at the relay's log, then `jobs resolve` what arrived (`--delivered`) and what did not (`--resend`)." "查看轉送主機的紀錄,再以 `jobs resolve` 處理:已送達用 `--delivered`,未送達用 `--resend`。";
    Restored "restored" "The ledger was restored from a backup, and the message may have gone since that was taken." "帳本曾由備份還原,備份之後此訊息可能已發送。" "Look at the relay's log, then `jobs resolve` what arrived (`--delivered`) and what did not (`--resend`)." "查看轉送主機的紀錄,再以 `jobs resolve` 處理:已送達用 `--delivered`,未送達用 `--resend`。";
    AttemptsUsedUp "attempts_used_up" "The peer refused too many times." "重試次數已用完。" "Mend the cause, then replay." "排除原因後重送。";
    Damaged "damaged" "A row of this member cannot be read, or a defect in this program stops every decision about the member." "此會員的資料列無法讀取,或程式錯誤使系統無法處理此會員。" "The daemon's log names the row: mend or delete it, or restore a backup. It is tried again every hour." "背景程式的紀錄會指出該資料列:請修復或刪除,或還原備份。系統每小時會再試一次。";
    Panicked "panicked" "A defect in this program stopped the delivery." "程式錯誤中斷了發送。" "Report it with the log; replay after the upgrade." "請附上紀錄回報;升級後重送。";
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
