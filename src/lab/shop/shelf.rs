//! Owns what the made-up shop sells; knows nothing of who buys.

use crate::domain::catalog::ProductRecord;

/// One product on the shelf.
#[derive(Debug)]
pub(super) struct Ware {
    pub(super) id: &'static str,
    name: &'static str,
    pub(super) category: &'static str,
    /// Interchangeable wares share a group.
    pub(super) group: &'static str,
    /// Days that one piece lasts; none for what is bought once.
    pub(super) lasts: Option<f64>,
    /// In New Taiwan dollars.
    pub(super) price: u32,
    tags: &'static [&'static str],
    usage_tip: &'static str,
}

/// Cannot be bought at the moment.
const SOLD_OUT: &str = "S-402";
/// Does not suit everyone.
const WITH_CAUTION: &str = "V-303";

impl Ware {
    /// What the shop's files say of it.
    pub(super) fn record(&self) -> ProductRecord {
        let caution = if self.id == WITH_CAUTION {
            "正在服用抗凝血藥物的人,食用前請先詢問醫師。"
        } else {
            ""
        };
        ProductRecord {
            id: self.id.into(),
            name: Some(self.name.to_owned()),
            category: Some(self.category.to_owned()),
            group: Some(self.group.to_owned()),
            tags: Some(self.tags.iter().map(|t| (*t).to_owned()).collect()),
            days_supply: Some(self.lasts),
            contains: Some(Vec::new()),
            url: Some(format!("https://shop.example.com/products/{}", self.id.to_lowercase())),
            in_stock: Some(self.id != SOLD_OUT),
            replenishable: Some(self.lasts.is_some()),
            usage_tip: Some(self.usage_tip.to_owned()),
            caution: Some(caution.to_owned()),
        }
    }
}

macro_rules! wares {
    ($($id:literal $name:literal $category:literal $group:literal $lasts:expr, $price:literal $tags:expr, $tip:literal;)*) => {
        /// Everything the shop sells, the wares of a group side by side.
        pub(super) const WARES: &[Ware] = &[$(Ware {
            id: $id, name: $name, category: $category, group: $group,
            lasts: $lasts, price: $price, tags: &$tags, usage_tip: $tip,
        },)*];
    };
}

wares! {
    "C-101" "耶加雪菲咖啡豆 250g" "coffee" "coffee-beans" Some(21.0), 420 ["淺焙"], "開封後兩週內風味最佳,請密封避光保存。";
    "C-102" "Huila coffee beans 250 g" "coffee" "coffee-beans" Some(21.0), 390 ["medium roast"], "Grind just before brewing: 15 g to 240 ml of water at 92 °C.";
    "C-103" "曼特寧咖啡豆 250g" "coffee" "coffee-beans" Some(21.0), 380 ["深焙"], "深焙豆用 88 °C 的水沖,苦味較柔和。";
    "C-104" "綜合濾掛咖啡 20 入" "coffee" "drip-bags" Some(20.0), 360 ["辦公室"], "先用少量熱水悶蒸 30 秒再注水。";
    "C-105" "Decaf drip bags, 20" "coffee" "drip-bags" Some(20.0), 380 ["decaf"], "Wet the grounds first and wait half a minute.";
    "C-106" "Cold brew concentrate 1 l" "coffee" "cold-brew" Some(16.0), 320 ["summer"], "One part concentrate to three parts water or milk; keep it cold.";
    "C-190" "手沖細口壺 600ml" "coffee" "kettles" None, 1280 ["器具"], "使用後倒乾,以免產生水垢。";
    "P-201" "無穀成貓飼料 3kg" "pet-food" "cat-food" Some(42.0), 980 ["貓"], "換飼料請用七天慢慢混合,避免腸胃不適。";
    "P-202" "Senior cat kibble 3 kg" "pet-food" "cat-food" Some(42.0), 1050 ["cat"], "Mix it with the old food over seven days.";
    "P-203" "成犬飼料 7kg" "pet-food" "dog-food" Some(35.0), 1450 ["狗"], "依體重餵食,一天分兩餐。";
    "P-204" "Puppy kibble 5 kg" "pet-food" "dog-food" Some(32.0), 1320 ["dog"], "Three small meals a day until six months of age.";
    "P-205" "豆腐貓砂 10L" "pet-food" "cat-litter" Some(24.0), 299 ["貓"], "鋪約 8 公分厚,每天鏟、每三週全部更換。";
    "V-301" "綜合維他命 60 錠" "vitamins" "multivitamins" Some(60.0), 650 ["早餐"], "早餐後一錠,配溫開水。";
    "V-302" "Multivitamin 60 tablets" "vitamins" "multivitamins" Some(60.0), 690 ["breakfast"], "One tablet after breakfast.";
    "V-303" "高單位魚油 60 粒" "vitamins" "fish-oil" Some(30.0), 880 ["Omega-3"], "一天兩粒,隨餐食用吸收較好。";
    "V-304" "益生菌 30 包" "vitamins" "probiotics" Some(30.0), 750 ["腸道"], "請勿用熱水沖泡。";
    "S-401" "玻尿酸保濕乳液 150ml" "skincare" "lotion" Some(55.0), 560 ["保濕"], "洗臉後三分鐘內擦,效果較好。";
    "S-402" "Sunscreen SPF 50, 60 ml" "skincare" "sunscreen" Some(40.0), 480 ["summer"], "Two fingers' length for face and neck, again every two hours outdoors.";
    "S-403" "胺基酸洗面乳 120g" "skincare" "cleanser" Some(45.0), 320 ["敏感肌"], "加水搓出泡沫後再上臉。";
    "S-404" "Night cream 50 ml" "skincare" "cream" Some(65.0), 890 ["dry skin"], "A pea-sized amount is enough.";
}
