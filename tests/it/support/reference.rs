//! How well real histories are to be foretold: the floors, and what an independent implementation of model, baselines and
//! metrics found on the same rows.

use std::path::Path;

use serde_json::Value;

/// A real history and how it is foretold.
pub struct Row {
    pub file: &'static str,
    pub level: &'static str,
    pub cutoffs: &'static str,
    pub horizon: &'static str,
    /// At most so much of [`MOST`], at least so much of [`LEAST`].
    most: [f64; 3],
    least: [f64; 4],
}

const MOST: [&str; 3] = ["crps_n2", "mae_fresh", "pit_error_n2"];
const LEAST: [&str; 4] = ["bss30_n1", "auc30_n1", "prec7_n2", "recall_n2"];

/// Every row with its floors.
#[rustfmt::skip]
pub const ROWS: [Row; 5] = [
    Row { file: "completejourney_a.csv.gz", level: "category", cutoffs: "180,220,260,300", horizon: "60", most: [8.80, 10.72, 0.010], least: [0.214, 0.774, 0.374, 0.202] },
    Row { file: "completejourney_a.csv.gz", level: "product", cutoffs: "180,220,260,300", horizon: "60", most: [9.21, 11.55, 0.012], least: [0.152, 0.789, 0.291, 0.159] },
    Row { file: "tafeng.csv.gz", level: "product", cutoffs: "55,68,80", horizon: "30", most: [5.08, 7.22, 0.044], least: [0.047, 0.683, 0.210, 0.106] },
    Row { file: "tafeng.csv.gz", level: "category", cutoffs: "55,68,80", horizon: "30", most: [5.11, 7.28, 0.052], least: [0.061, 0.699, 0.232, 0.118] },
    Row { file: "cdnow.csv.gz", level: "member", cutoffs: "270,350,430", horizon: "90", most: [14.62, 18.78, 0.038], least: [0.138, 0.804, 0.184, 0.099] },
];

/// Our models, and what the reference calls them.
const MODELS: [(&str, &str); 4] = [
    ("replenish", "11a EB + pair variance + recency"),
    ("product_median", "1 product median"),
    ("own_mean", "2 own mean"),
    ("own_median", "3 own median"),
];

/// Our figure; where the reference has it, of the model and of a naive flow; the difference allowed where it is not one in
/// a hundred of the figure.
#[rustfmt::skip]
const FIGURES: [(&str, &str, &str, Tolerance); 10] = [
    ("crps_n2", "/n2/time/crps", "/n2/time/crps", Tolerance::Share),
    ("mae_n2", "/n2/time/mae", "/n2/naive_point/mae", Tolerance::Share),
    ("within7_n2", "/n2/time/w7", "/n2/naive_point/w7", Tolerance::Share),
    ("mae_fresh", "/n2_fresh/time/mae", "/n2_fresh/naive_point/mae", Tolerance::Share),
    // Where in its day a purchase fell is drawn at random.
    ("pit_error_n2", "/n2/time/cal_err", "/n2/time/cal_err", Tolerance::Of(0.0015, 0.0015)),
    // A naive flow has next to no skill, or less than none: a share of it says nothing.
    ("bss30_n1", "/n1/p30/bss", "/n1/p30/bss", Tolerance::Of(0.001, 0.004)),
    ("auc30_n1", "/n1/p30/auc", "/n1/p30/auc", Tolerance::Share),
    ("logloss30_n1", "/n1/p30/logloss", "/n1/p30/logloss", Tolerance::Share),
    // Of equally urgent naive reminders, chance decides which are sent.
    ("prec7_n2", "/n2/remind/v50/prec7", "/n2/remind_naive/v50/prec7", Tolerance::Of(0.002, 0.008)),
    ("recall_n2", "/n2/remind/v50/recall", "/n2/remind_naive/v50/recall", Tolerance::Of(0.001, 0.004)),
];

/// How far a figure may lie from the reference's.
enum Tolerance {
    /// One in a hundred.
    Share,
    /// So much: of our model, of a naive flow.
    Of(f64, f64),
}

/// What the independent implementation found, when it is there; says loudly when not.
pub fn results() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/results.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("NOT COMPARED with the reference: {} is not there", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

impl Row {
    /// What `backtest` is asked after the file.
    pub fn args(&self) -> [&'static str; 7] {
        ["--level", self.level, "--cutoffs", self.cutoffs, "--horizon", self.horizon, "--json"]
    }

    /// Floors that the report does not reach, and figures that the reference has otherwise.
    pub fn faults(&self, report: &Value, reference: Option<&Value>) -> Vec<String> {
        let ours = |key: &str| report["models"]["replenish"][key].as_f64().unwrap_or(f64::NAN);
        let most = MOST.iter().zip(self.most).filter(|(key, most)| ours(key).is_nan() || ours(key) > *most);
        let least =
            LEAST.iter().zip(self.least).filter(|(key, least)| ours(key).is_nan() || ours(key) < *least);
        let short = most.chain(least).map(|(key, floor)| format!("{key} is {}, not {floor}", ours(key)));
        let name = format!("{}/{}", self.file.trim_end_matches(".csv.gz"), self.level);
        let compared = reference.map(|all| apart(report, &all[&name]["models"])).unwrap_or_default();
        short.chain(compared).collect()
    }
}

fn apart(report: &Value, reference: &Value) -> Vec<String> {
    let all = MODELS.iter().enumerate().flat_map(|(place, (model, theirs))| {
        FIGURES.iter().filter_map(move |(key, of_model, of_naive, tolerance)| {
            let path = if place == 0 { of_model } else { of_naive };
            let theirs = reference[theirs].pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let ours = report["models"][model][key].as_f64().unwrap_or(f64::NAN);
            let allowed = match tolerance {
                Tolerance::Share => 0.01 * theirs.abs(),
                Tolerance::Of(model, naive) => *if place == 0 { model } else { naive },
            };
            let near = (ours - theirs).abs() <= allowed;
            (!near).then(|| format!("{model}: {key} is {ours}, the reference's {theirs}"))
        })
    });
    all.collect()
}
