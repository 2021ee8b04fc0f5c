//! A domain controller's Security log: tickets, network logons, and the accounts of services.
//!
//! What a controller sees of somebody who sits down at a workstation is a request for a ticket (4768) with the workstation's address,
//! requests for services' tickets whenever one is needed (4769; they are no heartbeat), and short network logons (4624, type 3) that end
//! (4634) when the share is let go, while the person stays. It never hears that the person went.

use std::net::Ipv4Addr;

use super::clocks::{HOUR, MINUTE, SECOND, moment};
use super::random::Random;
use super::traces::{Source, Traces};
use super::truth::{Basis, Evidence, Whom};

/// A domain controller.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    pub(super) source: Source,
    pub(super) establishment: String,
}

/// After the last ticket this much silence is believed.
const SILENCE_MS: i64 = 8 * HOUR;

/// Somebody sits at a workstation.
pub(super) struct Sitting<'a> {
    pub(super) account: &'a str,
    pub(super) person: usize,
    pub(super) ip: Ipv4Addr,
    pub(super) from: i64,
    pub(super) to: i64,
    /// Whether somebody else takes over while the programs of this one go on, which then ask for a ticket until the end.
    pub(super) goes_on: bool,
}

impl Controller {
    /// Writes what the controller sees of a sitting.
    pub(super) fn sitting(&self, random: &mut Random, traces: &mut Traces, sitting: &Sitting<'_>) {
        let first = self.ticket(traces, 4768, sitting.from, sitting.account, sitting.ip);
        let mut last = first;
        self.network_logon(
            random,
            traces,
            sitting.from + 600,
            sitting.account,
            sitting.ip,
        );
        let mut at = sitting.from + random.wait(15 * MINUTE);
        while at < sitting.to {
            last = self.ticket(traces, 4769, at, sitting.account, sitting.ip);
            if random.chance(300) {
                self.network_logon(random, traces, at + 50, sitting.account, sitting.ip);
                last = self.source.clock.corrected(self.source.clock.says(at + 50));
            }
            at += random.wait(20 * MINUTE);
        }
        if sitting.goes_on {
            last = self.ticket(
                traces,
                4769,
                sitting.to - MINUTE,
                sitting.account,
                sitting.ip,
            );
        }
        traces.evidence.push(Evidence {
            ip: sitting.ip,
            basis: Basis::Directory,
            whom: Whom::Account(sitting.person),
            card: None,
            first,
            last: last.max(
                self.source
                    .clock
                    .corrected(self.source.clock.says(sitting.from + 600)),
            ),
            to: last + SILENCE_MS,
            ended: false,
        });
    }

    /// A network logon and its end some seconds later. By itself it is no sign of who sits there.
    pub(super) fn network_logon(
        &self,
        random: &mut Random,
        traces: &mut Traces,
        at: i64,
        account: &str,
        ip: Ipv4Addr,
    ) {
        let number = format!("0x{:x}", random.next() >> 36);
        let lasts = random.between(2, 25) * SECOND;
        let logon = format!(
            "<Data Name='TargetLogonId'>{number}</Data><Data Name='LogonType'>3</Data><Data Name='IpAddress'>{ip}</Data><Data Name='IpPort'>50123</Data>"
        );
        self.event(traces, 4624, at, account, &logon);
        let logoff =
            format!("<Data Name='TargetLogonId'>{number}</Data><Data Name='LogonType'>3</Data>");
        self.event(traces, 4634, at + lasts, account, &logoff);
    }

    /// A request for a ticket with a wrong password (4771): nobody has signed in by it.
    pub(super) fn refusal(&self, traces: &mut Traces, at: i64, account: &str, ip: Ipv4Addr) {
        let more = format!(
            "<Data Name='Status'>0x18</Data><Data Name='PreAuthType'>2</Data><Data Name='IpAddress'>::ffff:{ip}</Data><Data Name='IpPort'>50125</Data>"
        );
        self.event(traces, 4771, at, account, &more);
    }

    fn ticket(&self, traces: &mut Traces, id: u32, at: i64, account: &str, ip: Ipv4Addr) -> i64 {
        let named = match id {
            4769 => format!("{account}@{}", self.domain()),
            _ => account.to_owned(),
        };
        let more = format!(
            "<Data Name='Status'>0x0</Data><Data Name='IpAddress'>::ffff:{ip}</Data><Data Name='IpPort'>50124</Data>"
        );
        self.event(traces, id, at, &named, &more);
        self.source.clock.corrected(self.source.clock.says(at))
    }

    fn domain(&self) -> String {
        format!("{}.EXAMPLE", self.establishment.to_uppercase())
    }

    fn event(&self, traces: &mut Traces, id: u32, at: i64, account: &str, more: &str) {
        let says = self.source.clock.says(at);
        let time = moment(says).to_string();
        let time = time.replace('Z', "0Z");
        let domain = self.domain();
        let text = format!(
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing' Guid='{{54849625-5478-4994-a5ba-3e3b0328c30d}}'/><EventID>{id}</EventID><TimeCreated SystemTime='{time}'/><Channel>Security</Channel><Computer>dc1.{}.example</Computer><Security/></System><EventData><Data Name='TargetUserName'>{account}</Data><Data Name='TargetDomainName'>{domain}</Data>{more}</EventData></Event>\n",
            self.establishment
        );
        traces.write(&self.source.file, says, text);
    }
}
