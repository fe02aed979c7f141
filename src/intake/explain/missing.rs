//! Owns what a file leaves open that messages need: each with a sentence for people. Reads nothing.

use super::census::Census;
use crate::domain::reason::Language;

/// What is missing to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Nothing but a header.
    Rows,
    /// No row that could be kept.
    Records,
    /// No category, and no group.
    Categories,
    /// Hardly anyone bought the same again, this many times.
    Repurchases(u64),
    /// Members without an e-mail address, of all.
    Addresses(u64, u64),
    /// No column for consent.
    Consent,
}

/// Repurchases from which a shop's own rhythms can be learnt.
const ENOUGH: u64 = 100;

impl Missing {
    /// What order lines leave open.
    pub(super) fn in_orders(census: &Census) -> Vec<Self> {
        let repurchases = Some(census.repurchases).filter(|times| *times < ENOUGH);
        Self::in_products(census).into_iter().chain(repurchases.map(Missing::Repurchases)).collect()
    }

    /// What products leave open.
    pub(super) fn in_products(census: &Census) -> Vec<Self> {
        if census.has_labels() { Vec::new() } else { vec![Missing::Categories] }
    }

    /// What members leave open.
    pub(super) fn in_members(census: &Census) -> Vec<Self> {
        let without = Some(census.records - census.addresses).filter(|members| *members > 0);
        let addresses = without.map(|without| Missing::Addresses(without, census.records));
        addresses.into_iter().chain((census.consents == 0).then_some(Missing::Consent)).collect()
    }

    /// What it means, and what to do, for people.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Chinese => self.chinese(),
        }
    }

    fn english(&self) -> String {
        match self {
            Missing::Rows => "no rows: the file holds a header and nothing beneath it".to_owned(),
            Missing::Records => "no row can be kept: see the reasons above".to_owned(),
            Missing::Categories => {
                "no category: without categories or groups, here or in a products file, each product \
                                    is an item of its own, and rules about categories find nothing"
                    .to_owned()
            }
            Missing::Repurchases(times) => format!(
                "repurchases of the same thing in this file: {times}, too few to learn this shop's own rhythms; import \
                 more of the past, until then forecasts start from what is usual in shops"
            ),
            Missing::Addresses(without, all) => {
                format!("no e-mail address for {without} of {all} members: they are reached by webhook only")
            }
            Missing::Consent => {
                "no consent column: of nobody is it known what they agreed to, and such members get no \
                                 e-mail unless [guards] consent_unknown = \"allow\""
                    .to_owned()
            }
        }
    }

    fn chinese(&self) -> String {
        match self {
            Missing::Rows => "沒有資料列：檔案只有標題".to_owned(),
            Missing::Records => "沒有可保留的資料列，原因見上".to_owned(),
            Missing::Categories => {
                "沒有分類：若訂單檔與商品檔都沒有分類或群組，每個商品自成一個品項，以分類為對象的規則不會有結果".to_owned()
            }
            Missing::Repurchases(times) => format!(
                "會員再次購買同一品項只有 {times} 次，不足以學習本店的節奏；請匯入更長的歷史，在此之前以一般商店的情形預測"
            ),
            Missing::Addresses(without, all) => {
                format!("{all} 位會員中有 {without} 位沒有電子郵件地址，只能以 webhook 通知")
            }
            Missing::Consent => "沒有同意欄位：不知道會員同意了什麼，除非 [guards] consent_unknown = \"allow\"，否則不會寄送電子郵件"
                .to_owned(),
        }
    }
}
