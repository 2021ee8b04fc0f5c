//! The front as others speak to it: the crate's typed rows, a server's address.

use clickhouse::{Client, Compression, Row};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};

use super::*;
use crate::store::unix::SocketOf;

#[derive(Row, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Typed {
    id: u64,
    name: String,
    tags: Vec<String>,
}

/// The crate as a stranger would use it: typed rows, with its check of the schema.
#[test]
fn the_clickhouse_crate_works_with_typed_rows() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let socket = SocketOf::new(scratch.folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let http = HttpClient::builder(TokioExecutor::new()).build(socket);
        let stranger = Client::with_http_client(http).with_url("http://store.invalid").with_compression(Compression::None).with_database("invigil");
        let client = stranger.clone().with_user(own::USER).with_password(own::word(&[7; 32]).as_str());
        client.query("CREATE TABLE typed (id UInt64, name String, tags Array(String)) ENGINE = MergeTree ORDER BY id SETTINGS storage_policy = 'enc'").execute().await.unwrap();
        let rows: Vec<Typed> = (0..300_000).map(|id| Typed { id, name: format!("n{id}"), tags: vec!["a".into(); (id % 3) as usize] }).collect();
        let mut insert = client.insert::<Typed>("typed").await.unwrap();
        for row in &rows {
            insert.write(row).await.unwrap();
        }
        insert.end().await.unwrap();
        // An insert that is not ended is not stored.
        let mut insert = client.insert::<Typed>("typed").await.unwrap();
        insert.write(&Typed { id: 1_000_001, name: String::new(), tags: Vec::new() }).await.unwrap();
        drop(insert);
        let mut insert = stranger.insert_formatted_with("INSERT INTO typed FORMAT CSV");
        let sent = insert.send("1,a,[]\n".into()).await;
        let refused = match sent {
            Ok(()) => insert.end().await,
            Err(error) => Err(error),
        };
        assert!(refused.unwrap_err().to_string().contains("497"));
        let client = stranger;
        // Several chunks, of which only the first may bring the heading.
        let back = client.query("SELECT ?fields FROM typed ORDER BY id").fetch_all::<Typed>().await.unwrap();
        assert!(back == rows);
        let none = client.query("SELECT ?fields FROM typed WHERE id > 1000000").fetch_all::<Typed>().await.unwrap();
        assert_eq!(none, []);
        let one = client.query("SELECT ?fields FROM typed WHERE id = {id:UInt64}").param("id", 7).fetch_one::<Typed>().await.unwrap();
        assert_eq!(one, rows[7]);
        let count = client.query("SELECT count() FROM typed").with_setting("max_threads", "1").fetch_one::<u64>().await.unwrap();
        assert_eq!(count, 300_000);
        let mut json = client.query("SELECT id FROM typed FORMAT JSON").fetch_bytes("CSV").unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json.collect().await.unwrap()).unwrap();
        assert_eq!(json["rows"], 300_000);
        let outfile = scratch.folder.path().join("out");
        let refused = client.query(&format!("SELECT 1 INTO OUTFILE '{}'", outfile.display())).execute().await;
        assert!(refused.is_err() && !outfile.exists());
        let refused = client.query("SELECT 1").with_setting("join_algorithm", "grace_hash").execute().await;
        assert!(refused.unwrap_err().to_string().contains("fixed"));
    });
}

/// What clients of the HTTP interface see beside the rows.
#[test]
fn headers_and_compressed_blocks_are_spoken() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let socket = scratch.folder.path().join("store.sock");
    let said = |address: &str, body: &[u8]| {
        use std::io::{Read, Write};
        let mut wire = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        let head = format!(
            "POST /?{address} HTTP/1.0\r\nHost: store\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        wire.write_all(head.as_bytes()).unwrap();
        wire.write_all(body).unwrap();
        let mut answer = Vec::new();
        wire.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        (head, answer[end + 4..].to_vec())
    };
    let (head, body) = said("query_id=mine&wait_end_of_query=1", b"SELECT 1");
    assert!(head.contains("x-clickhouse-query-id: mine"), "{head}");
    assert_eq!(body, b"1\n");
    let (head, body) = said("compress=1", b"SELECT number FROM numbers(200000)");
    assert!(
        head.contains("x-clickhouse-query-id: 00000000-0000-8000-8000-"),
        "{head}"
    );
    let plain = crate::store::engine::unpacked_in_test(&body);
    assert_eq!(plain.iter().filter(|byte| **byte == b'\n').count(), 200_000);
    assert!(plain.starts_with(b"0\n1\n") && plain.ends_with(b"\n199999\n"));
    let packed = crate::store::engine::packed_in_test(b"SELECT 2");
    let (_, body) = said("decompress=1", &packed);
    assert_eq!(body, b"2\n");
    let (head, body) = said("decompress=1", b"SELECT 2");
    assert!(
        head.contains("400") && body.ends_with(b"(BAD_ARGUMENTS)\n"),
        "{head}"
    );
    let (head, _) = said("", b"SELECT file('x')");
    assert!(
        head.contains("403") && head.contains("x-clickhouse-exception-code: 497"),
        "{head}"
    );
    let (head, body) = said("session_id=a&session_check=1", b"SELECT 1");
    assert!(
        head.contains("exception-code: 372") && body.ends_with(b"(SESSION_NOT_FOUND)\n"),
        "{head}"
    );
}

/// Whoever reads slowly hears too that his answer is not whole, and why: by the mark, and by a body that never ends.
#[test]
fn a_slow_reader_on_the_socket_hears_that_his_answer_broke_off() {
    use std::io::{Read, Write};
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let socket = scratch.folder.path().join("store.sock");
    for format in ["TabSeparated", "Native"] {
        let mut wire = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        let sql = "SELECT number, intDiv(1, 60000 - number) AS x, toString(sipHash64(number)) FROM numbers(200000)";
        let length = sql.len();
        write!(wire, "POST /?default_format={format}&max_block_size=10000&max_threads=1 HTTP/1.1\r\nHost: s\r\nContent-Length: {length}\r\n\r\n{sql}").unwrap();
        let mut answer = Vec::new();
        loop {
            // Longer than a fixed pause before the end would last.
            std::thread::sleep(std::time::Duration::from_millis(400));
            match (&mut wire).take(300 << 10).read_to_end(&mut answer) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{format}");
        let end = String::from_utf8_lossy(&answer[answer.len() - 600..]).into_owned();
        assert!(end.ends_with("__exception__\r\n\r\n"), "{format}: {end}");
        assert!(end.contains("Code: 153"), "{format}: {end}");
    }
}
