//! The case as others' tools read it: CASE 1.5, with its terms of UCO, as JSON-LD.
//!
//! It tells what was authorised, what was done with which tool, and which files came of it, each with its digest.
//! Connections are told one by one up to [`MOST_CONNECTIONS`]; the files of records hold them all.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};

use super::super::EvidenceError;
use super::contents::{Contents, Rows};
use crate::casework::Wanted;

/// So many connections are told one by one: some two megabytes.
const MOST_CONNECTIONS: usize = 1000;

/// Writes it.
pub(crate) fn case(contents: &Contents<'_>) -> Result<Vec<u8>, EvidenceError> {
    let id = |kind: &str, of: &str| json!({"@id": node(contents, kind, of)});
    let mut objects = Vec::new();
    let mut graph = vec![
        thing(
            contents,
            "authorization",
            "",
            json!({
                "@type": "case-investigation:Authorization",
                "case-investigation:authorizationIdentifier": contents.request.urn,
                "case-investigation:authorizationType": contents.request.regime.as_str(),
            }),
        ),
        thing(
            contents,
            "organization",
            "",
            json!({
                "@type": "uco-identity:Organization",
                "uco-core:name": contents.organisation(),
            }),
        ),
        thing(
            contents,
            "tool",
            "",
            json!({
                "@type": "uco-tool:AnalyticTool",
                "uco-core:name": "Invigil",
                "uco-tool:version": contents.program().trim_start_matches("invigil "),
            }),
        ),
    ];
    for file in contents.files() {
        objects.push(id("file", file.path));
        graph.push(thing(contents, "file", file.path, json!({
            "@type": "uco-observable:File",
            "uco-core:hasFacet": [
                thing(contents, "file-facet", file.path, json!({
                    "@type": "uco-observable:FileFacet",
                    "uco-observable:fileName": file.path.rsplit('/').next(),
                    "uco-observable:filePath": file.path,
                    "uco-observable:sizeInBytes": file.bytes,
                })),
                thing(contents, "content-facet", file.path, json!({
                    "@type": "uco-observable:ContentDataFacet",
                    "uco-observable:sizeInBytes": file.bytes,
                    "uco-observable:hash": [thing(contents, "hash", file.path, json!({
                        "@type": "uco-types:Hash",
                        "uco-types:hashMethod": "SHA256",
                        "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": file.sha256.to_ascii_uppercase()},
                    }))],
                })),
            ],
        })));
    }
    let mut of_files = objects.clone();
    let connections = connections(contents)?;
    for connection in &connections {
        let name = connection.get("@id").cloned();
        objects.push(json!({"@id": name}));
    }
    graph.extend(connections);
    graph.push(thing(
        contents,
        "provenance",
        "",
        json!({
            "@type": "case-investigation:ProvenanceRecord",
            "uco-core:description": "The files of the evidence package",
            "uco-core:object": of_files.clone(),
        }),
    ));
    of_files.push(id("provenance", ""));
    graph.push(thing(
        contents,
        "action",
        "",
        json!({
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": "Selection, attribution and export",
            "uco-action:endTime": {"@type": "xsd:dateTime", "@value": contents.made()},
            "uco-action:instrument": id("tool", ""),
            "uco-action:performer": id("organization", ""),
            "uco-action:result": of_files,
        }),
    ));
    for (kind, of) in [
        ("authorization", ""),
        ("tool", ""),
        ("provenance", ""),
        ("action", ""),
    ] {
        objects.push(id(kind, of));
    }
    graph.push(thing(contents, "investigation", "", json!({
        "@type": "case-investigation:Investigation",
        "uco-core:name": contents.request.urn,
        "uco-core:description": "Connections are told one by one up to 1000; data/records holds them all.",
        "case-investigation:relevantAuthorization": id("authorization", ""),
        "uco-core:object": objects,
    })));
    let document = json!({"@context": context(), "@graph": graph});
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|_| EvidenceError::Shape)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The first flows, as connections between two addresses.
fn connections(contents: &Contents<'_>) -> Result<Vec<Value>, EvidenceError> {
    if !contents.kinds().contains(&Wanted::ConnectionRecords) {
        return Ok(Vec::new());
    }
    let rows = contents.rows(Wanted::ConnectionRecords, MOST_CONNECTIONS)?;
    let mut told = Vec::new();
    let mut addresses = std::collections::BTreeSet::new();
    for row in &rows.rows {
        let cell = |name| rows.cell(row, name);
        for name in ["src_ip", "dst_ip"] {
            if !cell(name).is_empty() && addresses.insert(cell(name)) {
                told.push(address(contents, cell(name)));
            }
        }
        told.push(connection(contents, &rows, row));
    }
    Ok(told)
}

fn address(contents: &Contents<'_>, ip: &str) -> Value {
    let (kind, facet) = match ip.contains(':') {
        true => (
            "uco-observable:IPv6Address",
            "uco-observable:IPv6AddressFacet",
        ),
        false => (
            "uco-observable:IPv4Address",
            "uco-observable:IPv4AddressFacet",
        ),
    };
    thing(
        contents,
        "address",
        ip,
        json!({
            "@type": kind,
            "uco-core:hasFacet": [thing(contents, "address-facet", ip, json!({
                "@type": facet,
                "uco-observable:addressValue": ip,
            }))],
        }),
    )
}

fn connection(contents: &Contents<'_>, rows: &Rows, row: &csv::StringRecord) -> Value {
    let cell = |name| rows.cell(row, name);
    let place = format!("{}:{}:{}", cell("source"), cell("frame"), cell("ordinal"));
    let mut facet = json!({
        "@type": "uco-observable:NetworkConnectionFacet",
        "uco-observable:startTime": {"@type": "xsd:dateTime", "@value": cell("start")},
        "uco-observable:endTime": {"@type": "xsd:dateTime", "@value": cell("end")},
    });
    let ends = [
        (
            "src_ip",
            "src_port",
            "uco-observable:src",
            "uco-observable:sourcePort",
        ),
        (
            "dst_ip",
            "dst_port",
            "uco-observable:dst",
            "uco-observable:destinationPort",
        ),
    ];
    if let Some(facet) = facet.as_object_mut() {
        for (ip, port, end, number) in ends {
            if !cell(ip).is_empty() {
                facet.insert(
                    end.to_owned(),
                    json!([{"@id": node(contents, "address", cell(ip))}]),
                );
            }
            if let Ok(port) = cell(port).parse::<u16>() {
                facet.insert(number.to_owned(), json!(port));
            }
        }
    }
    thing(
        contents,
        "connection",
        &place,
        json!({
            "@type": "uco-observable:NetworkConnection",
            "uco-core:name": place,
            "uco-core:hasFacet": [thing(contents, "connection-facet", &place, facet)],
        }),
    )
}

/// A thing with a name of its own.
fn thing(contents: &Contents<'_>, kind: &str, of: &str, mut what: Value) -> Value {
    if let Some(members) = what.as_object_mut() {
        members.insert("@id".to_owned(), json!(node(contents, kind, of)));
    }
    what
}

/// What all names of things are made under (RFC 9562, 5.5).
const NAMESPACE: [u8; 16] = *b"\x7c\x0e\x4b\x52\x8f\x1d\x4a\x36\x9a\xd3\x21\x6e\xb0\x5c\x77\xe1";

/// The name of a thing: the same in each making of the same package, and in no other package. It ends in a UUID of
/// version 5, as the ontology asks for one; the hash that the version prescribes tells things apart and secures nothing.
fn node(contents: &Contents<'_>, kind: &str, of: &str) -> String {
    let text = format!("{}\n{}\n{kind}\n{of}", contents.commitment, contents.made());
    let hashed = [&NAMESPACE[..], text.as_bytes()].concat();
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed);
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    // The version, five, and the variant, binary ten, stand where the RFC puts them.
    let number = u128::from_be_bytes(first) & !(0xf << 76) & !(0x3 << 62);
    let hex = format!("{:032x}", number | (0x5 << 76) | (0x2 << 62));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "kb:{kind}-{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

fn context() -> Value {
    json!({
        "kb": "urn:invigil:kb:",
        "case-investigation": "https://ontology.caseontology.org/case/investigation/",
        "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
        "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
        "uco-identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
        "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
        "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
        "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
        "uco-vocabulary": "https://ontology.unifiedcyberontology.org/uco/vocabulary/",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    })
}
