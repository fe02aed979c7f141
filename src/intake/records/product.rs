//! Owns how a row becomes a product record; knows nothing of files.

use super::{CATEGORY, PRODUCT_ID, Record, SoFar, Unfit, cell, labels, of};
use crate::domain::catalog::ProductRecord;
use crate::domain::ids::ProductId;
use crate::intake::columns::{Field, Shape};
use crate::intake::rows::{Bad, Row};

impl Record for ProductRecord {
    const KIND: &'static str = "products";
    const FIELDS: &'static [Field] = &[
        PRODUCT_ID,
        Field::optional("name", "product name, item name, title, 商品名稱, 產品名稱, 品名, 名稱"),
        Field::optional("category", CATEGORY),
        Field::optional("group", "product group, 群組, 商品群組"),
        Field::optional("tags", "tag, product tags, 標籤, 商品標籤").shaped(Shape::List),
        Field::optional("days_supply", "days of supply, supply days, 使用天數, 可用天數"),
        Field::optional("contains", "parts, bundle, kit, 組合內容, 內容物").shaped(Shape::Pairs('*')),
        Field::optional("url", "link, product url, product link, 網址, 商品網址, 連結, 商品連結"),
        Field::optional("in_stock", "is in stock, 有庫存, 有貨, 是否有貨"),
        Field::optional("replenishable", "is replenishable, consumable, 消耗品, 可回購"),
        Field::optional("usage_tip", "usage, how to use, 使用方式, 使用方法, 使用說明"),
        Field::optional("caution", "cautions, warning, 注意事項, 警語"),
    ];

    fn understand(row: &mut Row, so_far: &mut SoFar<'_>) -> Result<Self, Unfit> {
        let goes_on =
            so_far.reading.layout.carry_down && so_far.above.carry_down(row, GROUP, &OF_ALL_VARIANTS);
        if goes_on && row.value(ID).is_none() {
            return Err(Unfit::Ignored);
        }
        let [id, name, category, group, tags, supply, contains, url, in_stock, replenishable, tip, caution] =
            row.cells();
        let id: ProductId = of("product_id", cell::id(id))?.into();
        Ok(Self {
            name: cell::text(name),
            category: cell::text(category),
            group: cell::text(group),
            tags: tags.map(labels),
            days_supply: of("days_supply", cell::or_clear(supply, above_zero))?,
            contains: of("contains", contains.map(|kit| parts(kit, &id)).transpose())?,
            url: cell::text(url),
            in_stock: of("in_stock", cell::boolean(in_stock))?,
            replenishable: of("replenishable", cell::boolean(replenishable))?,
            usage_tip: cell::text(tip),
            caution: cell::text(caution),
            id,
        })
    }
}

/// Slots of the fields.
const ID: usize = 0;
const GROUP: usize = 3;
/// What variants of one product share: name, category, tags, url, usage tip, caution.
const OF_ALL_VARIANTS: [usize; 6] = [1, 2, 4, 7, 10, 11];

fn above_zero(cell: &str) -> Result<f64, Bad> {
    let number = cell::number(Some(cell))?.filter(|n| *n > 0.0);
    number.ok_or_else(|| format!("{} is not above zero", cell::shown(cell)))
}

/// A kit's parts: `A*2;B*1`, and `B` alone is one.
fn parts(cell: &str, kit: &ProductId) -> Result<Vec<(ProductId, f64)>, Bad> {
    let part = |part: &str| {
        let (product, pieces) = part.rsplit_once('*').unwrap_or((part, "1"));
        let product = cell::id(Some(product.trim()))?;
        match product == kit.as_str() {
            true => Err("a kit cannot contain itself".to_owned()),
            false => Ok((product.into(), above_zero(pieces.trim())?)),
        }
    };
    cell::parts(cell).map(part).collect()
}
