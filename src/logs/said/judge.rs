//! Which record a line of a product of many talents is, where its fields alone decide: a DNS question, a web request, a connection, a sign-in.

use super::actions::action_of;
use super::containers::Named;
use super::{Part, Said};
use crate::logs::envelope::{Heading, without_priority};
use crate::logs::lines::{BAD_TIME, OTHER, Read, WRONG_SHAPE};
use crate::logs::times::LocalClock;
use crate::record::{Action, Basis, EndReason, SignInEvent, Timestamp};

/// Reads a line of a product that writes its fields by name in any of the containers: the whole of a format but for the names.
/// `unit` is how many units of its durations make a second.
pub(in crate::logs) fn read_named<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    named: Named,
    unit: u64,
) -> Read<'a> {
    let said = Said::of_any(line, named)?;
    let known = [
        Part::ClientIp,
        Part::User,
        Part::Url,
        Part::Host,
        Part::Qname,
        Part::Action,
    ];
    if !known.iter().any(|part| said.raw(*part).is_some()) {
        return Err(
            if said.raw(Part::Time).or(said.raw(Part::Epoch)).is_some() {
                OTHER
            } else {
                WRONG_SHAPE
            },
        );
    }
    let time = said.moment(line, clock).ok_or(BAD_TIME)?;
    let action = said
        .action()
        .or_else(|| said.raw(Part::Verdict).and_then(action_of));
    let told = said.bytes(Part::Kind);
    let page = said.raw(Part::Url).is_some() || said.raw(Part::Host).is_some();
    if !page && said.raw(Part::ServerIp).is_none() {
        return said.sign_in_told(
            time,
            if told.is_empty() {
                said.bytes(Part::Message)
            } else {
                told
            },
            Basis::Directory,
        );
    }
    let ms = said.duration_ms(unit)?;
    said.any_event(time, action, ms)
}

impl<'a> Said<'a> {
    /// The record that these fields are: with a name asked for, a question; with a URL, method or host, a web request; with two ends, a
    /// connection; else none of ours.
    pub(in crate::logs) fn any_event(
        &self,
        time: Timestamp,
        action: Option<Action>,
        duration_ms: Option<u64>,
    ) -> Read<'a> {
        if self.raw(Part::Qname).is_some() {
            return Ok(self.dns_event(time, action)?);
        }
        let web = [Part::Url, Part::Method, Part::Host]
            .iter()
            .any(|part| self.raw(*part).is_some());
        if web {
            return Ok(self.web_event(time, action, duration_ms)?);
        }
        self.connection(time, action, duration_ms)
    }

    /// The connection that these fields are, if both ends are named.
    pub(in crate::logs) fn connection(
        &self,
        time: Timestamp,
        action: Option<Action>,
        duration_ms: Option<u64>,
    ) -> Read<'a> {
        if self.raw(Part::ClientIp).is_none() || self.raw(Part::ServerIp).is_none() {
            return Err(OTHER);
        }
        let end = match action {
            Some(Action::Blocked) => EndReason::Forced,
            _ if duration_ms.is_some() || self.raw(Part::Received).is_some() => EndReason::End,
            _ => EndReason::Active,
        };
        Ok(self.flow_event(time, action, duration_ms, end)?)
    }

    /// When it was: by the field that counts from 1970, the one with day and time, the two with one each, or the line's heading.
    pub(in crate::logs) fn moment(&self, line: &[u8], clock: &LocalClock) -> Option<Timestamp> {
        if let Some(epoch) = self.raw(Part::Epoch) {
            return clock.stamp(epoch);
        }
        if let Some(time) = self.raw(Part::Time) {
            return clock.stamp_or_yearless(time);
        }
        match (self.raw(Part::Date), self.raw(Part::Clock)) {
            (Some(date), Some(time)) => clock.stamp_of(date, time, self.raw(Part::Zone)),
            _ => Heading::of(line).time(clock).or_else(|| {
                // The time may stand alone before the first tab (Zscaler's feed for Splunk).
                let first = without_priority(line).split(|byte| *byte == b'\t').next()?;
                clock.stamp(first.trim_ascii())
            }),
        }
    }

    /// The sign-in that a message in words tells of, if it does and names an account.
    pub(in crate::logs) fn sign_in_told(
        &self,
        time: Timestamp,
        message: &[u8],
        basis: Basis,
    ) -> Read<'a> {
        let event = sign_in_of(message).ok_or(OTHER)?;
        if self.account().is_none() {
            return Err(OTHER);
        }
        Ok(self.sign_in_event(time, event, basis)?)
    }
}

/// What a message in words says of a sign-in.
pub(in crate::logs) fn sign_in_of(message: &[u8]) -> Option<SignInEvent> {
    let has = |words: &[&str]| {
        words.iter().any(|word| {
            message
                .windows(word.len())
                .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if !has(&["log", "authent", "sign", "session", "login"]) {
        return None;
    }
    if has(&[
        "fail",
        "denied",
        "invalid",
        "incorrect",
        "reject",
        "unsuccessful",
        "refused",
        "not allowed",
    ]) {
        return Some(SignInEvent::Fail);
    }
    if has(&[
        "logged out",
        "logout",
        "log out",
        "logoff",
        "logged off",
        "log off",
        "disconnect",
        "signed out",
        "sign out",
        "terminated",
        "ended",
        "timed out",
    ]) {
        return Some(SignInEvent::Logoff);
    }
    has(&[
        "logged in",
        "login",
        "log in",
        "logon",
        "logged on",
        "log on",
        "authenticated",
        "authentication succ",
        "signed in",
        "sign in",
        "success",
        "accessed",
    ])
    .then_some(SignInEvent::Logon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_sign_ins_are_understood_and_others_are_not() {
        for (message, event) in [
            ("User login successful", Some(SignInEvent::Logon)),
            ("Administrator logged out", Some(SignInEvent::Logoff)),
            ("Login failed: invalid password", Some(SignInEvent::Fail)),
            ("Authentication succeeded", Some(SignInEvent::Logon)),
            ("Interface is up", None),
        ] {
            assert_eq!(sign_in_of(message.as_bytes()), event, "{message}");
        }
    }
}
