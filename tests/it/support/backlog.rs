//! A ledger with as many due jobs as a test or bench asks for: copies of some that were delivered, planted by SQL.

use rusqlite::Connection;

use super::house::House;

/// When all of them are due: the second day after the members have joined.
pub const NOW: &str = "2026-04-28T11:00:00+08:00";

/// Rules that greet those who joined, each by who is meant (a tag), the channel, and what else it says.
pub fn rules(of: &[(&str, &str, &str)]) -> String {
    let rule = |(tag, channel, more): &(&str, &str, &str)| {
        format!(
            "[[rule]]\nid = \"welcome-{tag}\"\nkind = \"care\"\non = \"new_member\"\nsend = {{ after = \"1d\" }}\n\
             members = {{ tag = [\"{tag}\"] }}\nchannel = \"{channel}\"\n{more}\n"
        )
    };
    of.iter().map(rule).collect()
}

/// Webhook channels by name, url, and what else is said of them.
pub fn channels(of: &[(&str, &str, &str)]) -> String {
    let channel = |(name, url, more): &(&str, &str, &str)| {
        format!(
            "[channel.{name}]\nurl = \"{url}\"\nsecret = {{ env = \"CRM_SECRET\" }}\nallow_private_network = true\n{more}\n"
        )
    };
    of.iter().map(channel).collect()
}

/// One member for each tag, whose messages are delivered: those that are copied.
pub fn first(house: &House, tags: &[&str]) {
    let member = |tag: &&str| format!("m-{tag},2026-04-26,{tag}\n");
    let members: String = tags.iter().map(member).collect();
    house.write("members.csv", &format!("member_id,joined_at,tags\n{members}"));
    let order = |tag: &&str| format!("o-{tag},m-{tag},beans,coffee,2026-04-26,1\n");
    let orders: String = tags.iter().map(order).collect();
    house.write(
        "orders.csv",
        &format!("order_id,member_id,product_id,category,ordered_at,quantity\n{orders}"),
    );
    house.json(&["import", "members", "members.csv"]);
    house.json(&["import", "orders", "orders.csv"]);
    let pass = house.json(&["run", "--once", "--now", NOW]);
    assert_eq!(pass["delivered"], tags.len(), "{pass}");
}

/// So many due copies of each delivered job, each for a member of its own: the same SQL for both engines.
fn copies(count: usize) -> String {
    let key = "1000000 * (j.member + 1) + n.i";
    format!(
        "CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n;
         INSERT INTO member (key, id, tags, contacts, subscribed_items, joined_at, planned_with, stage, stage_since)
         SELECT {key}, m.id || '-' || n.i, m.tags, m.contacts, m.subscribed_items, m.joined_at, m.planned_with, m.stage,
            m.stage_since FROM job j JOIN member m ON m.key = j.member, n WHERE j.state = 'delivered';
         INSERT INTO job (key, id, member, state, rule, step, purpose, channel, priority, due_at, valid_until, assembled_at,
            attempts, tries, pinned, shadow, rules_hash, changed_at)
         SELECT {key}, 'copy_' || j.member || '_' || n.i, {key}, 'scheduled', j.rule, j.step, j.purpose, j.channel, j.priority,
            j.due_at, j.valid_until, j.assembled_at, 0, 0, j.pinned, j.shadow, j.rules_hash, j.changed_at
         FROM job j, n WHERE j.state = 'delivered';
         INSERT INTO occasion (member, rule, step, item, cycle, anchor_day, due_at, valid_until, state, job)
         SELECT {key}, o.rule, o.step, o.item, o.cycle, o.anchor_day, o.due_at, o.valid_until, 'served', {key}
         FROM job j JOIN occasion o ON o.job = j.key, n WHERE j.state = 'delivered';
         DROP TABLE n;"
    )
}

/// The copies, in the house's own ledger file.
pub fn plant(house: &House, count: usize) {
    let ledger = Connection::open(house.path("var/replenish.db")).unwrap();
    ledger.execute_batch(&format!("BEGIN; {} COMMIT;", copies(count))).unwrap();
}

/// The copies, in a database of PostgreSQL.
pub async fn plant_at(url: &str, count: usize) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&copies(count)).await.unwrap();
}
