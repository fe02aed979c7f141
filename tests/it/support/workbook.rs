//! A small writer of Excel workbooks: what a shop's export or a person's spreadsheet looks like inside.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A cell as a workbook keeps it.
#[derive(Debug, Clone)]
pub enum Cell {
    Empty,
    /// A text in the table of texts.
    Text(String),
    /// A text in its place.
    Inline(String),
    Number(f64),
    /// Days since the end of 1899, shown as a date.
    Date(f64),
    Yes(bool),
    /// A formula that failed.
    Failed(&'static str),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

/// A sheet: its name, whether people see it, its rows by their numbers from 1.
pub struct Sheet<'a>(pub &'a str, pub bool, pub Vec<(u32, Vec<Cell>)>);

/// The bytes of a workbook.
pub fn workbook(sheets: &[Sheet<'_>]) -> Vec<u8> {
    let mut texts = Vec::new();
    let pages: Vec<String> = sheets.iter().map(|sheet| page(&sheet.2, &mut texts)).collect();
    let numbered = || (1..).zip(sheets);
    let of_sheet = |(n, Sheet(name, visible, _)): (u32, &Sheet<'_>)| {
        let state = if *visible { "visible" } else { "hidden" };
        format!(r#"<sheet name="{}" sheetId="{n}" state="{state}" r:id="r{n}"/>"#, escaped(name))
    };
    let relation = |id: String, kind: &str, target: String| {
        format!(r#"<Relationship Id="{id}" Type="http://x/relationships/{kind}" Target="{target}"/>"#)
    };
    let list: String = numbered().map(of_sheet).collect();
    let relations: String = numbered()
        .map(|(n, _)| relation(format!("r{n}"), "worksheet", format!("worksheets/sheet{n}.xml")))
        .collect();
    let root = relation("r1".to_owned(), "officeDocument", "xl/workbook.xml".to_owned());
    let shared: String = texts.iter().map(|text| format!("<si><t>{}</t></si>", escaped(text))).collect();
    let mut parts = vec![
        ("_rels/.rels".to_owned(), format!("<Relationships>{root}</Relationships>")),
        ("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{relations}</Relationships>")),
        ("xl/workbook.xml".to_owned(), format!("<workbook><sheets>{list}</sheets></workbook>")),
        ("xl/styles.xml".to_owned(), STYLES.to_owned()),
        ("xl/sharedStrings.xml".to_owned(), format!(r#"<sst uniqueCount="{}">{shared}</sst>"#, texts.len())),
    ];
    parts.extend((1..).zip(pages).map(|(n, page)| (format!("xl/worksheets/sheet{n}.xml"), page)));
    packed(&parts)
}

/// The second style is that of dates.
const STYLES: &str = r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;

/// A zip of these parts.
pub fn packed(parts: &[(String, String)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A sheet of these rows.
fn page(rows: &[(u32, Vec<Cell>)], texts: &mut Vec<String>) -> String {
    let mut page = "<worksheet><sheetData>".to_owned();
    for (row, cells) in rows {
        page += &format!(r#"<row r="{row}">"#);
        for (column, cell) in ('A'..='Z').zip(cells) {
            let at = format!("{column}{row}");
            page += &match cell {
                Cell::Empty => continue,
                Cell::Text(text) => {
                    texts.push(text.clone());
                    format!(r#"<c r="{at}" t="s"><v>{}</v></c>"#, texts.len() - 1)
                }
                Cell::Inline(text) => {
                    format!(r#"<c r="{at}" t="inlineStr"><is><t>{}</t></is></c>"#, escaped(text))
                }
                Cell::Number(number) => format!(r#"<c r="{at}"><v>{number}</v></c>"#),
                Cell::Date(days) => format!(r#"<c r="{at}" s="1"><v>{days}</v></c>"#),
                Cell::Yes(yes) => format!(r#"<c r="{at}" t="b"><v>{}</v></c>"#, u8::from(*yes)),
                Cell::Failed(what) => format!(r#"<c r="{at}" t="e"><v>{what}</v></c>"#),
            };
        }
        page += "</row>";
    }
    page + "</sheetData></worksheet>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
