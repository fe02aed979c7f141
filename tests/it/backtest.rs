//! The backtest as its user runs it: a file in, a table or JSON out, nothing stored and no settings needed.

use std::process::Command;

use serde_json::Value;

use crate::support::house::{orders, ran};

fn backtest(args: &[&str]) -> crate::support::house::Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("orders.csv"), orders(150, 3)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_replenish"));
    command.current_dir(folder.path()).args(["backtest", "orders.csv"]).args(args);
    let ran = ran(command.output().unwrap());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is stored: {left:?}");
    ran
}

#[test]
fn every_model_is_judged_by_every_figure_and_alike_each_time() {
    let report = backtest(&["--level", "category", "--json"]).one();
    for key in ["file", "level", "cutoffs", "horizon", "pairs", "seconds", "models"] {
        assert!(!report[key].is_null(), "{key} in {report}");
    }
    for model in ["replenish", "product_median", "own_mean", "own_median", "bg_nbd"] {
        for key in ["crps_n2", "mae_n2", "pit_error_n2", "within7_n2", "mae_fresh", "prec7_n2"] {
            assert!(report["models"][model].get(key).is_some(), "{model}.{key} in {report}");
        }
    }
    // The members' own rhythms vary by a third: whoever learns them beats the median of all.
    let error = |model: &str| report["models"][model]["mae_n2"].as_f64().unwrap();
    assert!(error("replenish") < error("product_median"), "{report}");
    let again = backtest(&["--level", "category", "--json"]).one();
    assert_eq!(again["models"], report["models"]);
}

#[test]
fn people_get_a_table_and_a_sentence_and_levels_differ() {
    let table = backtest(&["--level", "product", "--cutoffs", "90", "--horizon", "30"]);
    assert_eq!(table.code, 0, "{}", table.err);
    assert!(table.out.contains("BG/NBD") && table.out.contains("Of 100 reminders"), "{}", table.out);
    let member = backtest(&["--level", "member", "--json"]).one();
    assert_eq!(member["pairs"], 150);
    let outside = backtest(&["--cutoffs", "900"]);
    assert_eq!(outside.code, 1);
    assert!(outside.err.contains("choose one from 1 to"), "{}", outside.err);
    let keys = |v: &Value| v.as_object().unwrap().len();
    assert_eq!(keys(&member["models"]), 5);
}
