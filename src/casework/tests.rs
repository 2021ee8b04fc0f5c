//! What passes the gates, what does not, and that both are recorded.

use super::*;
use crate::ledger::{Act, Ledger, LedgerKeys, PrivateRecord};
use crate::record::Timestamp;

const POLICE: &str = include_str!("../../fixtures/evidence/police_icr.toml");
const COUNCIL: &str = include_str!("../../fixtures/evidence/local_authority_icr.toml");
const INTERNAL: &str = include_str!("../../fixtures/evidence/internal_content.toml");

fn now() -> Timestamp {
    Timestamp::parse("2026-03-12T09:00:00Z").unwrap()
}

/// The gates that refuse.
fn refused(text: &str) -> Vec<&'static str> {
    let request = Request::parse(text).unwrap();
    answers(&request, now())
        .into_iter()
        .filter(|answer| !answer.passed)
        .map(|answer| answer.gate)
        .collect()
}

/// The police's request with one line changed.
fn changed(from: &str, to: &str) -> String {
    assert!(POLICE.contains(from), "{from}");
    POLICE.replace(from, to)
}

fn check(from: &str, to: &str, gates: &[&str]) {
    assert_eq!(refused(&changed(from, to)), gates, "{from} -> {to}");
}

#[test]
fn a_lawful_request_passes_every_gate() {
    assert_eq!(refused(POLICE), [""; 0]);
    assert_eq!(refused(INTERNAL), [""; 0]);
}

#[test]
fn a_local_authority_that_asks_for_connection_records_is_refused() {
    assert_eq!(
        refused(COUNCIL),
        ["local_authority_without_connection_records"]
    );
    // Asking for events data does not hide that web records are connection records.
    assert_eq!(
        refused(&COUNCIL.replace("data_class = \"icr\"", "data_class = \"events\"")),
        [
            "local_authority_without_connection_records",
            "class_covers_what_is_wanted"
        ]
    );
    let sign_ins = COUNCIL
        .replace("data_class = \"icr\"", "data_class = \"entity\"")
        .replace("\"web_records\", ", "");
    assert_eq!(refused(&sign_ins), [""; 0]);
}

#[test]
fn each_gate_refuses_what_it_is_there_for() {
    check(
        "urn = \"AB/2026/0042\"",
        "urn = \" \"",
        &["reference_given"],
    );
    check(
        "\"ipa_60a\"",
        "\"dpa_schedule_2\"",
        &["route_fits_authority"],
    );
    check(
        "authenticity_checked = true",
        "authenticity_checked = false",
        &["authenticity_checked"],
    );
    check(
        "icr_condition = \"c\"",
        "",
        &["connection_record_condition"],
    );
    check(
        "icr_condition = \"c\"",
        "icr_condition = \"d\"",
        &["connection_record_condition"],
    );
    check(
        "data_class = \"icr\"",
        "data_class = \"content\"",
        &["content_needs_warrant"],
    );
    check(
        "data_class = \"icr\"",
        "data_class = \"events\"",
        &["class_covers_what_is_wanted"],
    );
    check("\"serious_crime\"", "\"crime\"", &["purpose_fits_class"]);
    check(
        "zone = \"Europe/London\"",
        "",
        &["zone_given", "window_lawful"],
    );
    check(
        "2026-03-02T12:00:00",
        "2026-04-02T12:00:00",
        &["window_lawful"],
    );
    check(
        "2026-03-02T09:00:00",
        "2025-03-08T09:00:00",
        &["window_lawful"],
    );
    check(
        "granted = \"2026-03-09",
        "granted = \"2026-02-09",
        &["still_valid"],
    );
    check(
        "served = \"2026-03-10",
        "served = \"2026-03-13",
        &["still_valid"],
    );
    check(
        "served = \"2026-03-10T10:00:00Z\"",
        "served = \"2026-03-10T10:00:00Z\"\ncancelled = \"2026-03-11T00:00:00Z\"",
        &["still_valid"],
    );
    check("notice AB/2026/0042, page 2", "", &["identifiers_present"]);
    check(
        "kind = \"account\"",
        "kind = \"mac\"",
        &["identifiers_present"],
    );
    check(
        "{ name = \"S. Contact\" }",
        "{ name = \"A friend\" }",
        &["recipient_named"],
    );
    check(
        "{ name = \"S. Contact\" }",
        "{ name = \"\" }",
        &["recipient_named"],
    );
}

#[test]
fn the_address_that_says_unknown_is_nobodys() {
    let by_address = changed("kind = \"account\"", "kind = \"address\"");
    for (address, gates) in [
        ("::", &["identifiers_present"][..]),
        ("0.0.0.0", &["identifiers_present"]),
        ("::ffff:0.0.0.0", &["identifiers_present"]),
        ("10.1.2.3", &[]),
        ("2001:db8::7", &[]),
    ] {
        let text = by_address.replace("\"p.invented\"", &format!("\"{address}\""));
        assert_eq!(refused(&text), gates, "{address}");
    }
}

#[test]
fn a_person_is_given_their_own_data_alone() {
    let own = INTERNAL
        .replace("regime = \"internal\"", "regime = \"subject_access\"")
        .replace(
            "purpose = \"policy_breach\"",
            "purpose = \"subject_access\"",
        )
        .replace("purpose = \"safeguarding\"", "purpose = \"subject_access\"")
        .replace("kind = \"internal\"", "kind = \"individual\"")
        .replace("role = \"suspect\"", "role = \"applicant\"");
    let applicant = Request::parse(&own).unwrap().applicant.name;
    let recipient = Request::parse(&own).unwrap().disclosure.recipient.name;
    let own = own.replace(
        &format!("recipient = {{ name = \"{recipient}\""),
        &format!("recipient = {{ name = \"{applicant}\""),
    );
    assert_eq!(refused(&own), [""; 0]);
    let to_another = own.replace(
        &format!("recipient = {{ name = \"{applicant}\""),
        "recipient = { name = \"A friend\"",
    );
    assert_eq!(refused(&to_another), ["recipient_named"]);
    let name = &Request::parse(&own).unwrap().identifiers[0].value;
    let of_an_address = own
        .replace("kind = \"account\"", "kind = \"address\"")
        .replace(&format!("value = \"{name}\""), "value = \"10.1.2.3\"");
    assert_eq!(refused(&of_an_address), ["recipient_named"]);
}

#[test]
fn nobody_is_granted_anything_by_a_repealed_act() {
    check("\"ipa_60a\"", "\"ripa_22\"", &["route_fits_authority"]);
}

#[test]
fn an_urgent_request_is_not_confirmed_by_a_promise() {
    let urgent = changed("urgency = \"routine\"", "urgency = \"urgent_oral\"")
        .replace("granted = \"2026-03-09", "granted = \"2026-03-01")
        .replace("served = \"2026-03-10", "served = \"2026-03-02")
        .replace("to = \"2026-03-02T12", "to = \"2026-03-02T11");
    assert_eq!(refused(&urgent), ["still_valid"]);
    for (confirmed, gates) in [("2026-03-13", &["still_valid"][..]), ("2026-03-03", &[])] {
        let text = urgent.replace(
            "[window]",
            &format!("confirmed_in_writing = \"{confirmed}T09:00:00Z\"\n\n[window]"),
        );
        assert_eq!(refused(&text), gates, "{confirmed}");
    }
}

#[test]
fn a_request_that_can_not_be_read_is_refused_and_recorded() {
    let home = tempfile::tempdir().unwrap();
    let keys = LedgerKeys {
        signing: [1; 32],
        records: [2; 32],
    };
    let ledger = Ledger::open(home.path(), &keys, "ledger.example/test").unwrap();
    let text = "regime = \"ipa_60a\"\nurn = p.invented";
    let error = Request::parse(text).unwrap_err();
    let entry = turn_away(&ledger, text, &error, now()).unwrap();
    let entries: Vec<_> = ledger.entries().unwrap().collect();
    assert_eq!((entries.len(), entry), (2, 0));
    let Act::RequestReceived(received) = &entries[0].act else {
        panic!("no request");
    };
    let Some(PrivateRecord::Kept(kept)) = ledger.private(&entries[0]).unwrap() else {
        panic!("no record");
    };
    let salt = kept["salt"].as_str().unwrap();
    assert_eq!(
        commitment(salt, kept["request"].as_str().unwrap()),
        received.request
    );
    assert!(matches!(&entries[1].act, Act::GateAnswered(answer)
        if !answer.passed && answer.gate == UNREADABLE && answer.request == received.request));
    let log = std::fs::read_to_string(home.path().join("entries.jsonl")).unwrap();
    assert!(!log.contains("invented"));
}

#[test]
fn logs_of_staff_wait_until_human_resources_were_told() {
    let staff = INTERNAL.replace("role = \"suspect\"", "role = \"suspect\"\nstaff = true");
    assert_eq!(refused(&staff), ["human_resources_told"]);
    let told = staff.replace(
        "staff = true",
        "staff = true\nhr_informed = \"2026-03-11T09:00:00Z\"",
    );
    assert_eq!(refused(&told), [""; 0]);
}

#[test]
fn an_unknown_field_and_a_moment_without_a_zone_are_no_request() {
    assert!(Request::parse(&changed("urn =", "unr = \"x\"\nurn =")).is_err());
    assert!(
        Request::parse(&changed(
            "granted = \"2026-03-09T09:00:00Z\"",
            "granted = \"2026-03-09T09:00:00\""
        ))
        .is_err()
    );
    assert!(Request::parse("").is_err());
}

#[test]
fn a_refusal_is_recorded_with_every_answer_and_gives_nothing_to_select_with() {
    let home = tempfile::tempdir().unwrap();
    let keys = LedgerKeys {
        signing: [1; 32],
        records: [2; 32],
    };
    let ledger = Ledger::open(home.path(), &keys, "ledger.example/test").unwrap();
    let request = Request::parse(COUNCIL).unwrap();
    let decision = decide(&ledger, COUNCIL, &request, now()).unwrap();
    assert!(decision.outcome.is_none());
    assert_eq!(decision.refusals().count(), 1);
    let entries: Vec<_> = ledger.entries().unwrap().collect();
    assert_eq!(entries.len(), 1 + GATES.len());
    let refusals = entries.iter().filter(|entry| {
        matches!(&entry.act, Act::GateAnswered(answer) if !answer.passed
            && answer.gate == "local_authority_without_connection_records"
            && answer.request == decision.commitment)
    });
    assert_eq!(refusals.count(), 1);
    assert_eq!(commitment(&decision.salt, COUNCIL), decision.commitment);
    let log = std::fs::read_to_string(home.path().join("entries.jsonl")).unwrap();
    assert!(!log.contains("invented") && !log.contains("Westshire"));
    let passed = decide(&ledger, POLICE, &Request::parse(POLICE).unwrap(), now()).unwrap();
    let authorised = passed.outcome.unwrap();
    assert_eq!(authorised.get().urn, "AB/2026/0042");
    assert_eq!(
        ledger.verify().unwrap().entries,
        2 * (1 + GATES.len() as u64)
    );
}
