//! Owns the closed list of what always holds of a ledger, each with a sentence in two languages; knows nothing of how it
//! is checked.

use super::reason::Language;

macro_rules! invariants {
    ($($name:ident $word:literal $english:literal $chinese:literal;)*) => {
        /// Something that holds of every ledger, whatever happened to it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant {
            $(#[doc = $english] $name,)*
        }

        impl Invariant {
            /// The whole list.
            pub const ALL: &'static [Invariant] = &[$(Invariant::$name),*];

            /// The word used in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Invariant::$name => $word,)* }
            }

            /// What holds, in one sentence.
            pub fn sentence(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Invariant::$name, Language::English) => $english,
                      (Invariant::$name, Language::Chinese) => $chinese,)*
                }
            }
        }
    };
}

invariants! {
    ServedByItsJob "served_by_its_job" "A served occasion has one job, of its own member, that is no shadow." "已處理的訊息緣由都有一筆屬於該會員的任務，且不是影子任務。";
    ServedOnce "served_once" "No need of a member was served twice." "會員的同一個需求不會收到兩次訊息。";
    EndedForGood "ended_for_good" "What was served or closed is not open again." "已處理或已結束的訊息緣由不會再次開啟。";
    JobHasOccasions "job_has_occasions" "A job on its way serves at least one occasion." "進行中的任務至少對應一個訊息緣由。";
    LeaseWhileInFlight "lease_while_in_flight" "A job has a lease exactly while it is queued or sending." "任務只有在排入佇列或發送中時才持有租約。";
    LeaseTakenBack "lease_taken_back" "No lease ran out more than ten minutes ago; a running daemon takes it back." "沒有逾期超過十分鐘的租約；執行中的背景程式會收回。";
    WaitsForStatedTime "waits_for_stated_time" "What waits does so no longer than it is worth sending." "等待中的訊息不會等到超過有效期限。";
    EndsWithReason "ends_with_reason" "What was skipped, cancelled or closed says why." "略過、取消或結束時都記有原因。";
    HandOverOnRecord "hand_over_on_record" "Every attempt follows a hand-over that was recorded before it." "每次嘗試之前都已記錄交付。";
    DeliveredByAttempt "delivered_by_attempt" "A delivered job has a delivered attempt, or a person said so." "已送達的任務有成功的嘗試紀錄，或由人員確認。";
    AttemptsOnRecord "attempts_on_record" "A job counts no more attempts than are on record." "任務的嘗試次數不超過紀錄中的次數。";
    AttemptsByHandOver "attempts_by_hand_over" "Every attempt belongs to one hand-over of its job, and no hand-over has two." "每次嘗試都屬於任務的某一次交付，且每次交付只有一次嘗試紀錄。";
    HistoryEndsHere "history_ends_here" "A job's history ends in its state." "任務的歷程以目前狀態作結。";
    RecordsOfKnownJobs "records_of_known_jobs" "Attempts, history and feedback belong to jobs that are known." "嘗試、歷程與回報都屬於已知的任務。";
    NothingAfterOptOut "nothing_after_opt_out" "Nothing was handed over to anyone after their opt-out." "會員拒收之後沒有再交付任何訊息。";
    NothingToHoldout "nothing_to_holdout" "Nothing was handed over to the holdout of its rule." "沒有向規則的對照組交付任何訊息。";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_invariant_has_its_own_word_and_sentences() {
        let all = Invariant::ALL;
        assert_eq!(all.iter().map(|i| i.as_str()).collect::<BTreeSet<_>>().len(), all.len());
        for language in [Language::English, Language::Chinese] {
            assert_eq!(all.iter().map(|i| i.sentence(language)).collect::<BTreeSet<_>>().len(), all.len());
        }
    }
}
