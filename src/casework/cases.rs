//! Cases: each the fold of its entries in the ledger, and the one way to take it a step further.

use std::collections::BTreeSet;

use super::{Need, Protocol, State};
use crate::ledger::{Act, CaseOpened, CaseStepped, Entry};
use crate::record::Timestamp;

/// A case as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its number: the index of the entry that opened it.
    pub number: u64,
    /// The entry that opened it.
    pub entry: Entry,
    /// What that entry says.
    pub opened: CaseOpened,
    /// The steps that counted, in order.
    pub steps: Vec<Step>,
    /// Entries of steps that did not count, as the case was in another state by then.
    pub void: Vec<u64>,
}

/// A step of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its entry.
    pub entry: Entry,
    /// What it says.
    pub stepped: CaseStepped,
}

impl Case {
    /// The state it is in.
    pub fn state(&self) -> &str {
        self.steps
            .last()
            .map_or(&self.opened.state, |step| &step.stepped.to)
    }

    /// Since when it is in it.
    pub fn since(&self) -> Timestamp {
        self.steps
            .last()
            .map_or(self.entry.time, |step| step.entry.time)
    }

    /// The moment by which its question must be answered, if there is one.
    pub fn due(&self, protocol: &Protocol) -> Option<Timestamp> {
        let hours = protocol.state(self.state())?.within_hours?;
        Some(self.since().plus_seconds(i64::from(hours) * 3600))
    }

    /// The roles that have nothing to do with it any more.
    pub fn excluded<'p>(&self, protocol: &'p Protocol) -> BTreeSet<&'p str> {
        let been = self.steps.iter().map(|step| step.stepped.to.as_str());
        std::iter::once(self.opened.state.as_str())
            .chain(been)
            .filter_map(|name| protocol.state(name)?.excludes.as_deref())
            .collect()
    }
}

/// All cases, in the order in which they were opened.
pub fn cases(entries: impl Iterator<Item = Entry>) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for entry in entries {
        match &entry.act {
            Act::CaseOpened(opened) => cases.push(Case {
                number: entry.index,
                opened: opened.clone(),
                steps: Vec::new(),
                void: Vec::new(),
                entry,
            }),
            Act::CaseStepped(stepped) => {
                let of = |case: &&mut Case| case.number == stepped.case;
                let Some(case) = cases.iter_mut().find(of) else {
                    continue;
                };
                if case.state() == stepped.from {
                    case.steps.push(Step {
                        stepped: stepped.clone(),
                        entry,
                    });
                } else {
                    case.void.push(entry.index);
                }
            }
            _ => {}
        }
    }
    cases
}

/// What comes with an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The role of whoever answers.
    pub role: String,
    /// Who was spoken to, and when.
    pub contact: Option<String>,
    /// A legal hold that holds.
    pub hold: Option<u64>,
    /// The number that somebody else gave the matter.
    pub reference: Option<String>,
    /// The code for what came of it.
    pub outcome: Option<String>,
    /// Words on why.
    pub note: Option<String>,
}

/// An answer can not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The protocol does not know the state.
    #[error(
        "the case is in the state {0}, which this protocol does not have: it was opened by another one"
    )]
    NoState(String),
    /// The state does not have the answer.
    #[error("{state} has no answer {answer}; its answers are: {known}")]
    NoAnswer {
        /// The state.
        state: String,
        /// What was answered.
        answer: String,
        /// What could have been.
        known: String,
    },
    /// The answer needs more.
    #[error("the answer {answer} needs {missing}")]
    Needs {
        /// The answer.
        answer: String,
        /// What is missing.
        missing: String,
    },
    /// The outcome has no such code.
    #[error("{outcome} is no code for an outcome; they are: {known}")]
    NoOutcome {
        /// What was given.
        outcome: String,
        /// What could have been.
        known: String,
    },
    /// The role has nothing to do with the case.
    #[error("{0} have nothing to do with this case")]
    Excluded(String),
}

/// The step that an answer is; it is to be entered in the ledger, and counts if the case is in the same state then.
pub fn step(
    case: &Case,
    protocol: &Protocol,
    answer: &str,
    told: &Told,
) -> Result<CaseStepped, CaseError> {
    let name = case.state();
    let state = protocol
        .state(name)
        .ok_or_else(|| CaseError::NoState(name.to_owned()))?;
    if case.excluded(protocol).contains(told.role.as_str()) {
        return Err(CaseError::Excluded(told.role.clone()));
    }
    let edge = state
        .answers
        .get(answer)
        .ok_or_else(|| CaseError::NoAnswer {
            state: name.to_owned(),
            answer: answer.to_owned(),
            known: known(state),
        })?;
    let missing: Vec<&str> = edge
        .needs
        .iter()
        .filter(|need| !told.has(**need))
        .map(|need| need.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(CaseError::Needs {
            answer: answer.to_owned(),
            missing: missing.join(" and "),
        });
    }
    if let Some(outcome) = told
        .outcome
        .as_ref()
        .filter(|code| !protocol.outcomes.contains(*code))
    {
        let known: Vec<&str> = protocol.outcomes.iter().map(String::as_str).collect();
        return Err(CaseError::NoOutcome {
            outcome: outcome.clone(),
            known: known.join(", "),
        });
    }
    Ok(CaseStepped {
        case: case.number,
        from: name.to_owned(),
        answer: answer.to_owned(),
        to: edge.to.clone(),
        hold: told.hold,
        outcome: told.outcome.clone(),
    })
}

fn known(state: &State) -> String {
    match state.answers.is_empty() {
        true => "none".to_owned(),
        false => state.answers.keys().cloned().collect::<Vec<_>>().join(", "),
    }
}

impl Told {
    fn has(&self, need: Need) -> bool {
        let words =
            |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        match need {
            Need::Contact => words(&self.contact),
            Need::Hold => self.hold.is_some(),
            Need::Reference => words(&self.reference),
            Need::Outcome => words(&self.outcome),
            Need::Note => words(&self.note),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PROTOCOL;
    use super::*;
    use crate::ledger::Digest;

    /// A ledger of the acts of one case, an hour apart.
    #[derive(Default)]
    struct Acts(Vec<Entry>);

    impl Acts {
        fn push(&mut self, act: Act) {
            let index = self.0.len() as u64;
            let time = Timestamp::from_seconds(3600 * i64::try_from(index).unwrap());
            self.0.push(Entry {
                index,
                time,
                act,
                private: None,
            });
        }

        fn opened() -> Acts {
            let mut acts = Acts::default();
            acts.push(Act::CaseOpened(CaseOpened {
                protocol: Digest::of(&[PROTOCOL.as_bytes()]),
                state: "subject".to_owned(),
                establishment: Some("hawthorn".to_owned()),
                sealed: false,
            }));
            acts
        }

        fn case(&self) -> Case {
            cases(self.0.iter().cloned()).remove(0)
        }

        fn answer(&mut self, answer: &str, told: &Told) -> Result<(), CaseError> {
            let protocol = Protocol::parse(PROTOCOL).unwrap();
            let stepped = step(&self.case(), &protocol, answer, told)?;
            self.push(Act::CaseStepped(stepped));
            Ok(())
        }
    }

    fn by(role: &str) -> Told {
        Told {
            role: role.to_owned(),
            ..Told::default()
        }
    }

    fn all() -> Told {
        Told {
            role: "information_policy".to_owned(),
            contact: Some("by telephone".to_owned()),
            hold: Some(7),
            reference: Some("WS/1".to_owned()),
            outcome: Some("passed_to_police".to_owned()),
            note: Some("why".to_owned()),
        }
    }

    #[test]
    fn a_case_goes_from_suspicion_to_its_signature() {
        let mut acts = Acts::opened();
        for answer in [
            "yes",
            "told",
            "yes",
            "yes",
            "police_told",
            "outcome",
            "signed_off",
        ] {
            acts.answer(answer, &all()).unwrap();
        }
        let case = acts.case();
        assert_eq!(
            (case.state(), case.steps.len(), case.void.len()),
            ("signed_off", 7, 0)
        );
        assert_eq!(
            acts.answer("signed_off", &all()),
            Err(CaseError::NoAnswer {
                state: "signed_off".to_owned(),
                answer: "signed_off".to_owned(),
                known: "none".to_owned(),
            })
        );
    }

    #[test]
    fn staff_subject_without_hr_step_is_not_extracted() {
        let mut acts = Acts::opened();
        acts.answer("not_known", &by("head")).unwrap();
        let protocol = Protocol::parse(PROTOCOL).unwrap();
        assert!(!protocol.state(acts.case().state()).unwrap().extraction);
        // Nothing leads on but that Human Resources were told, and who was spoken to.
        assert!(matches!(
            acts.answer("yes", &all()),
            Err(CaseError::NoAnswer { .. })
        ));
        assert!(matches!(
            acts.answer("told", &by("head")),
            Err(CaseError::Needs { .. })
        ));
        assert_eq!(acts.case().state(), "human_resources");
    }

    #[test]
    fn network_staff_that_may_be_involved_are_out_of_the_case_for_good() {
        let mut acts = Acts::opened();
        acts.answer("no", &by("head")).unwrap();
        acts.answer("not_known", &by("head")).unwrap();
        acts.answer("arranged", &all()).unwrap();
        let refused = acts.answer("no", &by("network_staff"));
        assert_eq!(
            refused,
            Err(CaseError::Excluded("network_staff".to_owned()))
        );
        acts.answer("no", &by("head")).unwrap();
        assert_eq!(acts.case().state(), "logs");
    }

    #[test]
    fn of_two_answers_to_one_question_the_first_counts() {
        let mut acts = Acts::opened();
        let protocol = Protocol::parse(PROTOCOL).unwrap();
        let (one, two) = (
            step(&acts.case(), &protocol, "yes", &by("head")).unwrap(),
            step(&acts.case(), &protocol, "no", &by("head")).unwrap(),
        );
        acts.push(Act::CaseStepped(one));
        acts.push(Act::CaseStepped(two));
        let case = acts.case();
        assert_eq!(
            (case.state(), case.void.as_slice()),
            ("human_resources", [2].as_slice())
        );
    }

    #[test]
    fn deadlines_run_from_when_the_case_came_to_its_state() {
        let mut acts = Acts::opened();
        let protocol = Protocol::parse(PROTOCOL).unwrap();
        assert_eq!(acts.case().due(&protocol), None);
        acts.answer("yes", &by("head")).unwrap();
        let due = acts.case().due(&protocol).unwrap();
        assert_eq!(due, Timestamp::from_seconds(3600 + 24 * 3600));
    }

    #[test]
    fn an_outcome_has_a_code() {
        let mut acts = Acts::opened();
        for answer in ["no", "yes", "no", "neither"] {
            acts.answer(answer, &all()).unwrap();
        }
        let odd = Told {
            outcome: Some("whatever".to_owned()),
            ..all()
        };
        assert!(matches!(
            acts.answer("close", &odd),
            Err(CaseError::NoOutcome { .. })
        ));
        assert!(matches!(
            acts.answer("close", &by("head")),
            Err(CaseError::Needs { .. })
        ));
    }
}
