//! Where the package comes from, as W3C PROV-JSON: which batches were collected when, what was asked, and which
//! files the export made of them.
//!
//! What was collected is named by its entry in the ledger, so that whoever reads this finds the proof of it in `proofs/`.

use serde_json::{Map, Value, json};

use super::super::EvidenceError;
use super::contents::{Contents, records_of};
use crate::ledger::{Act, Entry};

/// Writes it.
pub(crate) fn prov(contents: &Contents<'_>) -> Result<Vec<u8>, EvidenceError> {
    let mut graph = Graph::default();
    graph.put(
        "agent",
        "inv:provider",
        json!({"prov:type": qualified("prov:Organization"), "prov:label": contents.organisation()}),
    );
    graph.put(
        "agent",
        "inv:program",
        json!({"prov:type": qualified("prov:SoftwareAgent"), "prov:label": contents.program()}),
    );
    graph.link(
        "actedOnBehalfOf",
        json!({"prov:delegate": "inv:program", "prov:responsible": "inv:provider"}),
    );
    graph.put(
        "entity",
        "inv:request",
        json!({
            "prov:label": contents.request.urn,
            "inv:commitment": contents.commitment,
            "inv:regime": contents.request.regime.as_str(),
        }),
    );
    graph.put(
        "activity",
        "inv:export",
        json!({"prov:endTime": contents.made(), "prov:label": "Selection, attribution and export"}),
    );
    graph.link(
        "wasAssociatedWith",
        json!({"prov:activity": "inv:export", "prov:agent": "inv:program"}),
    );
    graph.link(
        "used",
        json!({"prov:activity": "inv:export", "prov:entity": "inv:request"}),
    );
    let batches: Vec<String> = contents
        .entries
        .iter()
        .filter_map(|entry| collected(&mut graph, entry))
        .collect();
    for file in contents.files() {
        let name = format!("pkg:{}", file.path);
        graph.put("entity", &name, json!({"inv:sha256": file.sha256, "inv:bytes": {"$": file.bytes.to_string(), "type": "xsd:unsignedLong"}}));
        graph.link("wasGeneratedBy", json!({"prov:entity": name, "prov:activity": "inv:export", "prov:time": contents.made()}));
    }
    for kind in contents.kinds() {
        for batch in &batches {
            graph.link(
                "wasDerivedFrom",
                json!({
                    "prov:generatedEntity": format!("pkg:{}", records_of(kind)),
                    "prov:usedEntity": batch,
                    "prov:activity": "inv:export",
                }),
            );
        }
    }
    let mut bytes =
        serde_json::to_vec_pretty(&graph.document()).map_err(|_| EvidenceError::Shape)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Tells how a batch was collected; gives its name, if the entry is one of a batch.
fn collected(graph: &mut Graph, entry: &Entry) -> Option<String> {
    let Act::BatchIngested(batch) = &entry.act else {
        return None;
    };
    let (name, source) = (
        format!("inv:batch-{}", entry.index),
        format!("inv:source-{}", batch.source),
    );
    let activity = format!("inv:collection-{}", entry.index);
    graph.put(
        "entity",
        &source,
        json!({"prov:label": format!("{} in the format {}", batch.kind, batch.format)}),
    );
    graph.put(
        "entity",
        &name,
        json!({
            "inv:ledger_entry": {"$": entry.index.to_string(), "type": "xsd:unsignedLong"},
            "inv:merkle_root": batch.root.to_string(),
            "inv:frames": {"$": batch.frames.to_string(), "type": "xsd:unsignedLong"},
        }),
    );
    graph.put("activity", &activity, json!({"prov:endTime": entry.time.to_string(), "prov:label": "Collection", "inv:tool_version": batch.tool_version}));
    graph.link(
        "wasAssociatedWith",
        json!({"prov:activity": activity, "prov:agent": "inv:program"}),
    );
    graph.link(
        "used",
        json!({"prov:activity": activity, "prov:entity": source}),
    );
    graph.link("wasGeneratedBy", json!({"prov:entity": name, "prov:activity": activity, "prov:time": entry.time.to_string()}));
    graph.link(
        "used",
        json!({"prov:activity": "inv:export", "prov:entity": name}),
    );
    Some(name)
}

fn qualified(name: &str) -> Value {
    json!({"$": name, "type": "prov:QUALIFIED_NAME"})
}

/// The parts of a PROV-JSON document; relations are numbered in the order in which they are told.
#[derive(Default)]
struct Graph {
    parts: Map<String, Value>,
    relations: u64,
}

impl Graph {
    fn put(&mut self, part: &str, name: &str, what: Value) {
        let part = self.parts.entry(part).or_insert_with(|| json!({}));
        if let Some(part) = part.as_object_mut() {
            part.insert(name.to_owned(), what);
        }
    }

    fn link(&mut self, relation: &str, what: Value) {
        self.relations += 1;
        let name = format!("_:r{}", self.relations);
        self.put(relation, &name, what);
    }

    fn document(mut self) -> Value {
        // Neither prefix leads anywhere: they tell names apart.
        let prefixes = json!({"inv": "urn:invigil:prov:", "pkg": "urn:invigil:package:"});
        self.parts.insert("prefix".to_owned(), prefixes);
        Value::Object(self.parts)
    }
}
