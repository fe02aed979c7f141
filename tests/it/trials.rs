//! Rule tests: the shipped samples pass theirs, and a test that is wrong fails and says what happens instead.

use crate::support::house::House;
use crate::support::receiver::Receiver;

const TEST: &str = r#"
[[test]]
name    = "every month"
now     = "2026-04-02"
product = [{ id = "A", category = "coffee" }]
bought  = [{ product = "A", on = "2026-01-01", every = "30d", times = 4 }]
expect  = [{ rule = "refill", on = "2026-04-20..2026-05-05", items = ["coffee"] }]
"#;

async fn house(test: &str) -> House {
    let receiver = Receiver::start().await;
    let house = House::with(&receiver, crate::support::house::RULE, "");
    house.write("rules/rules.test.toml", test);
    house
}

#[test]
fn every_shipped_rule_has_tests_and_passes_them() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_replenish"));
    command.current_dir(here).args(["test", "--json"]);
    let told = crate::support::house::ran(command.output().unwrap()).one();
    assert_eq!(told["failed"], 0, "{told:#}");
    assert!(told["passed"].as_u64().unwrap() > 20, "{told}");
    let text = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    for file in std::fs::read_dir(here.join("config/rules")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let has_rules = name.ends_with(".toml") && !name.ends_with(".test.toml") && name != "reference.toml";
        if has_rules {
            let test = path.with_extension("test.toml");
            assert!(test.exists() && text(&test).contains("expect"), "{name} has no test");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_fails_says_what_happens_instead() {
    let cases = [
        (TEST.to_owned(), 0, vec!["ok    every month", "1 passed, 0 failed"]),
        (
            TEST.replace("2026-04-20..2026-05-05", "2026-04-03"),
            1,
            vec!["FAIL  every month", "rules.test.toml:3", "writes otherwise: on 2026-0", "about coffee"],
        ),
        (
            TEST.replace("on = \"2026-04-20..2026-05-05\", items = [\"coffee\"]", "silent = \"covered\""),
            1,
            vec!["should be silent, but writes on 2026-0"],
        ),
        (TEST.replace("times = 4", "times = 1"), 1, vec!["is silent: too_few_purchases"]),
        (
            TEST.replace("rule = \"refill\"", "rule = \"refil\""),
            78,
            vec!["rules.test.toml:7:", "did you mean `refill`?"],
        ),
        (TEST.replace("2026-04-02", "next week"), 78, vec!["rules.test.toml:4:", "write 2026-04-01"]),
        (TEST.replace("now ", "nov "), 78, vec!["unknown key `nov`", "did you mean `now`?"]),
        (String::new(), 78, vec!["`test` is missing"]),
    ];
    for (test, code, says) in cases {
        let house = house(&test).await;
        let ran = tokio::task::block_in_place(|| house.run(&["test"]));
        assert_eq!(ran.code, code, "{test}: {}{}", ran.out, ran.err);
        let told = ran.out + &ran.err;
        says.iter().for_each(|piece| assert!(told.contains(piece), "{piece:?} in {told}"));
    }
}
