//! What an operator knows of a source and its lines do not say: that its clock is wrong, and which of its fields are not to be believed.

use super::format::{LineReader, LogFormat, Outcome, SourceSettings};
use super::framing::Frame;
use crate::record::{Event, Timestamp};

/// Corrections to all records of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corrections {
    /// By how much the source's clock is ahead, in microseconds; negative if it is behind.
    pub clock_ahead_micros: i64,
    /// Fields that are left out.
    pub distrusted: Vec<Distrusted>,
}

/// A field that some sources get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrusted {
    /// The account: a filter that guesses it from the address.
    Account,
    /// The client's address: a proxy behind another one, or a network that is translated.
    ClientIp,
    /// The card: devices that make one up for each network.
    Mac,
    /// The device's name for itself.
    Hostname,
    /// The server's address.
    ServerIp,
}

impl Distrusted {
    /// Each with its name in the configuration.
    pub const ALL: &'static [(&'static str, Distrusted)] = &[
        ("account", Distrusted::Account),
        ("client_ip", Distrusted::ClientIp),
        ("mac", Distrusted::Mac),
        ("hostname", Distrusted::Hostname),
        ("server_ip", Distrusted::ServerIp),
    ];
}

/// A reader of this format for one source, with the corrections that its settings ask for.
pub fn reader(format: &dyn LogFormat, settings: &SourceSettings) -> Box<dyn LineReader> {
    let inner = format.reader(settings);
    if settings.corrections == Corrections::default() {
        return inner;
    }
    Box::new(Corrected {
        inner,
        corrections: settings.corrections.clone(),
    })
}

struct Corrected {
    inner: Box<dyn LineReader>,
    corrections: Corrections,
}

impl LineReader for Corrected {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let corrections = &self.corrections;
        self.inner.read(frame, &mut |mut event| {
            corrections.apply(&mut event);
            out(event);
        })
    }
}

impl Corrections {
    fn apply(&self, event: &mut Event<'_>) {
        let shift = |time: &mut Timestamp| *time = time.plus_micros(-self.clock_ahead_micros);
        match event {
            Event::Flow(flow) => {
                shift(&mut flow.start);
                shift(&mut flow.end);
            }
            Event::WebHit(hit) => shift(&mut hit.time),
            Event::DnsQuery(query) => shift(&mut query.time),
            Event::MailEvent(mail) => shift(&mut mail.time),
            Event::SignIn(sign_in) => shift(&mut sign_in.time),
            Event::Lease(lease) => {
                shift(&mut lease.time);
                lease.expires.iter_mut().for_each(shift);
            }
            Event::Translation(translation) => {
                shift(&mut translation.from);
                translation.to.iter_mut().for_each(shift);
            }
            Event::Reject(reject) => reject.time.iter_mut().for_each(shift),
        }
        for field in &self.distrusted {
            field.leave_out(event);
        }
    }
}

impl Distrusted {
    fn leave_out(self, event: &mut Event<'_>) {
        match (self, event) {
            (Distrusted::Account, Event::WebHit(hit)) => hit.account_token = None,
            (Distrusted::Account, Event::SignIn(sign_in)) => sign_in.account_token = None,
            (Distrusted::Account, Event::Flow(flow)) => flow.account_token = None,
            (Distrusted::ClientIp, Event::WebHit(hit)) => hit.client_ip = None,
            (Distrusted::ClientIp, Event::DnsQuery(query)) => query.client_ip = None,
            (Distrusted::ClientIp, Event::MailEvent(mail)) => mail.client_ip = None,
            (Distrusted::ClientIp, Event::SignIn(sign_in)) => sign_in.ip = None,
            (Distrusted::Mac, Event::SignIn(sign_in)) => sign_in.mac = None,
            (Distrusted::Mac, Event::Lease(lease)) => lease.mac = None,
            (Distrusted::Hostname, Event::Lease(lease)) => lease.hostname = Default::default(),
            (Distrusted::ServerIp, Event::WebHit(hit)) => hit.server_ip = None,
            (Distrusted::ServerIp, Event::DnsQuery(query)) => query.server_ip = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::formats::format;
    use crate::logs::framing::{Frames, Framing};
    use crate::logs::tests::settings;

    #[test]
    fn a_clock_that_is_ahead_is_put_right_and_a_guessed_account_left_out() {
        let mut settings = settings();
        settings.corrections = Corrections {
            clock_ahead_micros: 90_000_000,
            distrusted: vec![Distrusted::Account],
        };
        let line = b"1772446590.000 0 10.1.2.3 TCP_MISS/200 0 GET http://maths.example/ j.bloggs HIER_NONE/- -\n";
        let mut reader = reader(format("squid_native").unwrap(), &settings);
        let frame = Frames::of(line, Framing::Line).next().unwrap();
        let mut seen = 0;
        reader.read(&frame, &mut |event| {
            let Event::WebHit(hit) = event else {
                panic!("another record")
            };
            assert_eq!(hit.time.to_string(), "2026-03-02T10:15:00.000000Z");
            assert_eq!(hit.account_token, None);
            assert!(hit.client_ip.is_some());
            seen += 1;
        });
        assert_eq!(seen, 1);
    }
}
