//! The schema as a server or a cluster of ClickHouse takes it: printed for whoever runs it, never applied from here.
//!
//! An event lies on the shard that its address leads to, by a block of addresses as large as a school's networks: the
//! rows of one establishment are together, and a row goes to the same shard each time it is sent, which is what makes
//! a repeated batch harmless there. The register is not asked for the shard, since it changes. What is small and is
//! joined with everything, registers, sources and findings, stands on every node.

use super::migrate::{self, statements};
use super::queries::{SCHEMA, VIEWS};
use super::sql::Sql;

/// By what the rows of a table are shared out.
struct Sharded {
    table: &'static str,
    by: &'static str,
}

/// The tables that are cut into shards; every other one stands whole on each node.
const SHARDED: &[Sharded] = &[
    by("flows", "src_ip"),
    by("web_hits", "client_ip"),
    by("dns_queries", "client_ip"),
    by("mail_events", "source_id"),
    by("sign_ins", "ip"),
    by("leases", "ip"),
    by("translations", "inside_ip"),
    by("rejects", "source_id"),
];

const fn by(table: &'static str, column: &'static str) -> Sharded {
    Sharded { table, by: column }
}

/// All statements for one server, in their order.
pub fn for_server() -> Vec<String> {
    let files = std::iter::once(&migrate::MIGRATIONS)
        .chain(SCHEMA)
        .chain(VIEWS);
    let statements = files.flat_map(|sql| statements(sql.text()));
    statements
        .map(|statement| statement.trim().replace(" /* storage */", ""))
        .collect()
}

/// All statements for a cluster of this name, in their order; nothing if the name is none.
pub fn for_cluster(cluster: &str) -> Option<Vec<String>> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if cluster.is_empty() || !cluster.bytes().all(is_word) {
        return None;
    }
    let of = |sql: &Sql| statements(sql.text());
    let tables = std::iter::once(&migrate::MIGRATIONS).chain(SCHEMA);
    let tables = tables.flat_map(of);
    let tables = tables.flat_map(|statement| tables_of(&statement, cluster));
    let views = VIEWS.iter().flat_map(of);
    let views = views.map(|statement| on_cluster(&statement, " AS", cluster));
    Some(tables.chain(views).collect())
}

/// Of the statement that makes one table, those that make it on a cluster.
fn tables_of(statement: &str, cluster: &str) -> Vec<String> {
    let statement = statement.trim();
    let name = statement
        .strip_prefix(MAKES)
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_default();
    let sharded = SHARDED.iter().find(|sharded| sharded.table == name);
    let path = match sharded {
        Some(_) => "/clickhouse/tables/{database}/{table}/{shard}",
        None => "/clickhouse/tables/{database}/{table}/all",
    };
    let replica = match sharded {
        Some(_) => "{replica}",
        None => "{shard}-{replica}",
    };
    let replicated = statement
        .replace(
            "ENGINE = MergeTree",
            &format!("ENGINE = ReplicatedMergeTree('{path}', '{replica}')"),
        )
        .replace(
            "ENGINE = ReplacingMergeTree",
            &format!("ENGINE = ReplicatedReplacingMergeTree('{path}', '{replica}')"),
        )
        .replace(
            "non_replicated_deduplication_window = 10000",
            "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 31536000",
        )
        .replace(" /* storage */", "");
    let replicated = on_cluster(&replicated, "\n(", cluster);
    let Some(sharded) = sharded else {
        return vec![replicated];
    };
    let local = format!("{name}_local");
    let on_node = replicated.replacen(&format!("{MAKES} {name} "), &format!("{MAKES} {local} "), 1);
    let key = shard_key(sharded.by);
    let whole = format!(
        "{MAKES} {name} ON CLUSTER '{cluster}' AS {local}\n\
         ENGINE = Distributed('{cluster}', currentDatabase(), '{local}', {key})"
    );
    vec![on_node, whole]
}

/// Says where a statement is run, behind the name of what it makes.
fn on_cluster(statement: &str, behind_name: &str, cluster: &str) -> String {
    let place = format!(" ON CLUSTER '{cluster}'{behind_name}");
    statement.trim().replacen(behind_name, &place, 1)
}

/// The number that a row is shared out by: of an IPv4 address its block of /20, of an IPv6 address that of /48.
fn shard_key(column: &str) -> String {
    if column == "source_id" {
        return "cityHash64(source_id)".to_owned();
    }
    format!(
        "cityHash64(tupleElement(IPv6CIDRToRange({column}, if(startsWith(IPv6NumToString({column}), '::ffff:'), 116, 48)), 1))"
    )
}

const MAKES: &str = "CREATE TABLE IF NOT EXISTS";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EVENT_TABLES;
    use crate::store::client::Call;
    use crate::store::scratch::Scratch;
    use crate::store::sql::Params;

    #[test]
    fn a_name_that_is_no_name_is_refused() {
        for name in ["", "a b", "x'", "ü"] {
            assert!(for_cluster(name).is_none(), "{name}");
        }
    }

    #[test]
    fn every_table_of_events_is_sharded_and_every_other_is_on_each_node() {
        let all = for_cluster("region").unwrap();
        for table in EVENT_TABLES {
            let name = table.name;
            assert!(
                SHARDED.iter().any(|sharded| sharded.table == name),
                "{name} has no shard key"
            );
        }
        for sharded in SHARDED {
            let name = sharded.table;
            let on_node = format!("{MAKES} {name}_local ON CLUSTER 'region'\n(");
            let whole = format!("{MAKES} {name} ON CLUSTER 'region' AS {name}_local\n");
            for begun in [on_node, whole] {
                let found = all.iter().filter(|one| one.starts_with(&begun)).count();
                assert_eq!(found, 1, "{begun}");
            }
        }
        for statement in &all {
            assert!(statement.contains(" ON CLUSTER 'region'"), "{statement}");
            assert!(!statement.contains("ENGINE = MergeTree"), "{statement}");
            assert!(!statement.contains("ENGINE = Replacing"), "{statement}");
            assert!(!statement.contains("non_replicated"), "{statement}");
            assert!(!statement.contains("storage"), "{statement}");
        }
        let networks = all.iter().find(|one| one.contains(" networks ")).unwrap();
        assert!(networks.contains("{table}/all'"), "{networks}");
    }

    #[test]
    fn the_engine_reads_every_statement_and_shares_out_by_blocks_of_addresses() {
        let Some(scratch) = Scratch::open() else {
            return;
        };
        let asked = |sql: &str, params: &Params| {
            let mut answer = Vec::new();
            let call = Call {
                what: "test/cluster",
                sql,
                params,
            };
            let caller = scratch.store.caller().unwrap();
            caller
                .ask(&call, "TSV", &mut |piece| {
                    answer.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            String::from_utf8(answer).unwrap()
        };
        let written = |statement: &str| {
            let params = Params::new().text("sql", statement);
            asked("SELECT formatQuery({sql:String})", &params)
        };
        for statement in for_cluster("region").unwrap() {
            let written = written(&statement);
            assert!(written.contains("ON CLUSTER region"), "{written}");
        }
        for statement in for_server() {
            assert!(written(&statement).starts_with("CREATE "), "{statement}");
        }
        let shard = |address: &str| {
            let key = shard_key("ip");
            asked(
                &format!("SELECT {key} FROM (SELECT toIPv6('{address}') AS ip)"),
                &Params::new(),
            )
        };
        assert_eq!(shard("::ffff:10.1.16.1"), shard("::ffff:10.1.31.254"));
        assert_ne!(shard("::ffff:10.1.16.1"), shard("::ffff:10.1.32.1"));
        assert_eq!(shard("2001:db8:1:2::3"), shard("2001:db8:1:ffff::4"));
        assert_ne!(shard("2001:db8:1::1"), shard("2001:db8:2::1"));
    }
}
