//! The protocol that a case follows: states, the answers that lead from one to the next, and what an answer needs.
//!
//! It is data (`protocol.toml`), checked whole before a case is opened by it. What a case has done so far stands in the
//! ledger by itself, so that another protocol never changes what was.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The Internet Safety Protocol of a learning network, as it comes with the program.
pub const PROTOCOL: &str = include_str!("protocol.toml");

/// A protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Its version, which each case says that it was opened by.
    pub version: u64,
    /// The state in which a case begins.
    pub first: String,
    /// The codes by which an outcome is told.
    pub outcomes: BTreeSet<String>,
    /// The states, by name.
    #[serde(rename = "state")]
    pub states: BTreeMap<String, State>,
}

/// A state of a case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// What is asked in it.
    pub question: String,
    /// Whom to tell, as roles.
    #[serde(default)]
    pub tell: Vec<String>,
    /// How soon it must be answered, in hours.
    #[serde(default)]
    pub within_hours: Option<u32>,
    /// Whether nobody may open the material.
    #[serde(default)]
    pub no_view: bool,
    /// Whether log information may be taken out for the case.
    #[serde(default)]
    pub extraction: bool,
    /// A role that has nothing to do with the case any more once it came here.
    #[serde(default)]
    pub excludes: Option<String>,
    /// Whether nothing follows.
    #[serde(default)]
    pub end: bool,
    /// The answers, by name.
    #[serde(default, rename = "answer")]
    pub answers: BTreeMap<String, Edge>,
}

/// Where an answer leads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The state it leads to.
    pub to: String,
    /// What it needs.
    #[serde(default)]
    pub needs: Vec<Need>,
}

/// What an answer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Who was spoken to, and when.
    Contact,
    /// A legal hold.
    Hold,
    /// The number that somebody else gave the matter.
    Reference,
    /// A code for what came of it.
    Outcome,
    /// Words on why.
    Note,
}

impl Need {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Need::Contact => "contact",
            Need::Hold => "hold",
            Need::Reference => "reference",
            Need::Outcome => "outcome",
            Need::Note => "note",
        }
    }
}

/// A protocol can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// It does not have the form.
    #[error("the protocol is not valid: {0}")]
    Invalid(String),
    /// It begins in, or leads to, a state that it does not have.
    #[error("the protocol leads from {from} to {to}, which it does not have")]
    NoState {
        /// Where it stands.
        from: String,
        /// What is missing.
        to: String,
    },
    /// A state that no case can come to.
    #[error("no case can come to the state {0}")]
    NotReached(String),
    /// A state that a case can not leave for an end.
    #[error("a case in the state {0} can not come to an end")]
    NoWayOut(String),
}

impl Protocol {
    /// Reads a protocol and checks it whole.
    pub fn parse(text: &str) -> Result<Protocol, ProtocolError> {
        let protocol: Protocol = toml::from_str(text)
            .map_err(|error: toml::de::Error| ProtocolError::Invalid(error.message().to_owned()))?;
        protocol.check()?;
        Ok(protocol)
    }

    /// The state of this name.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.states.get(name)
    }

    fn check(&self) -> Result<(), ProtocolError> {
        let known = |from: &str, to: &str| match self.states.contains_key(to) {
            true => Ok(()),
            false => Err(ProtocolError::NoState {
                from: from.to_owned(),
                to: to.to_owned(),
            }),
        };
        known("its beginning", &self.first)?;
        for (name, state) in &self.states {
            for edge in state.answers.values() {
                known(name, &edge.to)?;
            }
        }
        let reached = self.closure(BTreeSet::from([self.first.as_str()]), |from, to| (from, to));
        if let Some(name) = self
            .states
            .keys()
            .find(|name| !reached.contains(name.as_str()))
        {
            return Err(ProtocolError::NotReached(name.clone()));
        }
        let ends = self
            .states
            .iter()
            .filter(|(_, state)| state.end && state.answers.is_empty());
        let ends = ends.map(|(name, _)| name.as_str()).collect();
        let ending = self.closure(ends, |from, to| (to, from));
        match self
            .states
            .keys()
            .find(|name| !ending.contains(name.as_str()))
        {
            Some(name) => Err(ProtocolError::NoWayOut(name.clone())),
            None => Ok(()),
        }
    }

    /// All states that come after those given, where `way` says which end of an edge comes first.
    fn closure<'p>(
        &'p self,
        mut found: BTreeSet<&'p str>,
        way: impl Fn(&'p str, &'p str) -> (&'p str, &'p str),
    ) -> BTreeSet<&'p str> {
        loop {
            let before = found.len();
            for (name, state) in &self.states {
                for edge in state.answers.values() {
                    let (first, then) = way(name, &edge.to);
                    if found.contains(first) {
                        found.insert(then);
                    }
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_that_comes_with_the_program_is_whole() {
        let protocol = Protocol::parse(PROTOCOL).unwrap();
        assert_eq!(protocol.first, "subject");
        // Human Resources come before anything else where staff are concerned, and may be.
        for answer in ["yes", "not_known"] {
            assert_eq!(
                protocol.states["subject"].answers[answer].to,
                "human_resources"
            );
        }
        // What may be illegal is never looked at, and is kept before anything else is done.
        for state in protocol.states.values() {
            for edge in state.answers.values().filter(|edge| edge.to == "frozen") {
                assert!(edge.needs.contains(&Need::Hold));
            }
        }
        assert!(
            ["belief", "frozen", "police"]
                .iter()
                .all(|name| protocol.states[*name].no_view)
        );
    }

    #[test]
    fn no_log_is_taken_out_for_a_member_of_staff_before_human_resources_know() {
        let protocol = Protocol::parse(PROTOCOL).unwrap();
        // Every way to a state where logs are taken out, of a case about staff, leads through Human Resources.
        let mut ways = vec![vec!["subject".to_owned(), "human_resources".to_owned()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            let last = way.last().unwrap().clone();
            if !seen.insert(last.clone()) {
                continue;
            }
            for edge in protocol.states[&last].answers.values() {
                if last == "human_resources" {
                    assert_eq!(edge.needs, [Need::Contact]);
                }
                ways.push([way.clone(), vec![edge.to.clone()]].concat());
            }
        }
        assert!(seen.contains("logs"));
        assert!(
            !protocol.states["human_resources"].extraction
                && !protocol.states["subject"].extraction
        );
    }

    #[test]
    fn a_protocol_that_leads_nowhere_is_refused() {
        let with = |states: &str| {
            Protocol::parse(&format!(
                "version = 1\nfirst = 'a'\noutcomes = []\n{states}"
            ))
        };
        let end = "[state.z]\nquestion = '?'\nend = true\n";
        assert!(matches!(with(end), Err(ProtocolError::NoState { .. })));
        let open = format!("{end}[state.a]\nquestion = '?'\nanswer.on = {{ to = 'b' }}\n");
        assert!(matches!(with(&open), Err(ProtocolError::NoState { .. })));
        let round = format!(
            "{end}[state.a]\nquestion = '?'\nanswer.on = {{ to = 'a' }}\nanswer.off = {{ to = 'z' }}\n"
        );
        assert!(with(&round).is_ok());
        let apart = format!("{round}[state.q]\nquestion = '?'\nanswer.on = {{ to = 'z' }}\n");
        assert_eq!(with(&apart), Err(ProtocolError::NotReached("q".to_owned())));
        let trap = format!(
            "{}[state.b]\nquestion = '?'\nanswer.on = {{ to = 'b' }}\n",
            round.replace("answer.on = { to = 'a' }", "answer.on = { to = 'b' }")
        );
        assert_eq!(with(&trap), Err(ProtocolError::NoWayOut("b".to_owned())));
        assert!(matches!(
            with("unknown = 1\n"),
            Err(ProtocolError::Invalid(_))
        ));
    }
}
