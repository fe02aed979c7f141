//! Owns how a row becomes a member record; knows nothing of files.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::{MEMBER_ID, Record, SoFar, Unfit, cell, contact, labels, of};
use crate::domain::member::{MemberRecord, Purpose};
use crate::intake::columns::{Field, Shape};
use crate::intake::rows::{Bad, Row};

impl Record for MemberRecord {
    const KIND: &'static str = "members";
    const FIELDS: &'static [Field] = &[
        MEMBER_ID.unless(&["email", "phone"]),
        Field::optional("email", "mail, email address, 電子郵件, 電子郵件地址, 電子信箱, 信箱, 電郵"),
        Field::optional(
            "name",
            "member name, customer name, full name, 姓名, 全名, 會員姓名, 顧客姓名, 客戶姓名",
        ),
        Field::optional("locale", "language, lang, 語言, 語系"),
        Field::optional("timezone", "tz, 時區"),
        Field::optional("region", "area, 地區, 區域, 縣市"),
        Field::optional("tags", "tag, member tags, 標籤, 會員標籤").shaped(Shape::List),
        Field::optional("consent", "consents, consent to, 同意, 同意項目").shaped(Shape::List),
        Field::optional("contacts", "contact, contact points, 聯絡方式").shaped(Shape::Pairs('=')),
        Field::optional(
            "joined_at",
            "joined, joined on, join date, member since, registered at, registration date, 加入日期, \
             加入時間, 註冊日, 註冊日期, 註冊時間, 入會日期, 入會時間",
        ),
        Field::optional(
            "membership_expires_at",
            "membership expires, membership expiry, membership expires on, membership expiry date, \
             會員到期日, 會員到期日期, 會籍到期日",
        ),
        Field::optional("subscribed_items", "subscriptions, subscribed, 訂閱商品, 定期購商品")
            .shaped(Shape::List),
        Field::mapped("phone"),
    ];

    fn understand(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<Self, Unfit> {
        if so_far.is_mapped("email") || so_far.is_mapped("phone") {
            contact::stand_in(row, &WHO, &so_far.reading.layout.nobody);
        }
        let [
            id,
            email,
            name,
            locale,
            timezone,
            region,
            tags,
            consent,
            contacts,
            joined,
            expires,
            subscribed,
            phone,
        ] = row.cells();
        let times = &mut so_far.times;
        Ok(Self {
            id: of("member_id", cell::id(id))?.into(),
            email: cell::text(email),
            name: cell::text(name),
            locale: cell::text(locale),
            zone: of("timezone", cell::or_clear(timezone, zone))?,
            region: cell::text(region),
            tags: tags.map(labels),
            consent: of("consent", consent.map(purposes).transpose())?,
            contacts: of("contacts", contacts.map(points).transpose())?,
            phone: cell::text(phone.map(cell::unmarked)),
            joined_at: of("joined_at", cell::or_clear(joined, |c| times.past(c)))?,
            membership_expires_at: of("membership_expires_at", cell::or_clear(expires, |c| times.any(c)))?,
            subscribed_items: subscribed.map(set),
        })
    }
}

const WHO: contact::Slots = contact::Slots { member: 0, email: 1, phone: 12 };

fn set(cell: &str) -> BTreeSet<String> {
    cell::parts(cell).map(str::to_owned).collect()
}

fn zone(cell: &str) -> Result<Tz, Bad> {
    cell.parse().map_err(|_| format!("{} is no time zone; write one as Asia/Taipei", cell::shown(cell)))
}

fn purposes(cell: &str) -> Result<BTreeSet<Purpose>, Bad> {
    let known = [Purpose::Reminder, Purpose::Care];
    let purpose = |word: &str| known.into_iter().find(|p| p.as_str().eq_ignore_ascii_case(word));
    // Many shops ask one question for everything.
    if let Ok(Some(agreed)) = cell::boolean(Some(cell)) {
        return Ok(if agreed { known.into() } else { BTreeSet::new() });
    }
    let told = |word: &str| {
        format!("{} is neither reminder nor care, yes nor no; leave it empty for none", cell::shown(word))
    };
    cell::parts(cell).map(|word| purpose(word).ok_or_else(|| told(word))).collect()
}

fn points(cell: &str) -> Result<BTreeMap<String, String>, Bad> {
    let mut points = BTreeMap::new();
    for part in cell::parts(cell) {
        let pair = part.split_once('=').map(|(channel, point)| (channel.trim(), point.trim()));
        let Some((channel, point)) = pair.filter(|(channel, _)| !channel.is_empty()) else {
            return Err(format!("{} is no contact point; write line=U1;phone=0912345678", cell::shown(part)));
        };
        if !point.is_empty() && points.insert(channel.to_owned(), point.to_owned()).is_some() {
            return Err(format!("{} stands there twice", cell::shown(channel)));
        }
    }
    Ok(points)
}
