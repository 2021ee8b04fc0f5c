//! Network Policy Server, Windows's RADIUS server, in its three layouts: DTS (XML, a line a packet), database-compatible, and IAS.
//!
//! Accounting packets begin, prolong and end sessions; an acceptance is a sign-in, a rejection a failure; requests are passed over. Dates are month, day,
//! year, in the server's zone.

use std::borrow::Cow;

use crate::logs::cells::Cells;
use crate::logs::columns::cell_text;
use crate::logs::fields::{address, card, number};
use crate::logs::lines::{LineFormat, OTHER, Passed, Read, sign_in};
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::logs::xml;
use crate::record::{AccountText, Basis, Event, IgnoreReason, RejectReason, SignIn, SignInEvent};

pub(super) static WINDOWS_NPS: LineFormat = LineFormat {
    name: "windows_nps",
    title: "Windows NPS and IAS (DTS XML, database, IAS)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    is_dts(line) || is_database(line) || is_ias(line)
}

fn is_dts(line: &[u8]) -> bool {
    line.starts_with(b"<Event>") && memchr::memmem::find(line, b"<Packet-Type ").is_some()
}

/// `"NPS1","IAS",03/02/2026,10:15:00,4,...`
fn is_database(line: &[u8]) -> bool {
    line.starts_with(b"\"")
        && Cells::of(line, b',')
            .nth(2)
            .is_some_and(|date| is_date(&date))
        && Cells::of(line, b',')
            .nth(1)
            .is_some_and(|name| matches!(&*name, b"IAS" | b"RAS" | b"NPS"))
}

/// `10.1.0.9,j.bloggs,03/02/2026,10:15:00,IAS,NPS1,4136,4,...`
fn is_ias(line: &[u8]) -> bool {
    let mut cells = Cells::of(line, b',');
    cells.next().is_some_and(|ip| address(&ip).is_some())
        && cells.nth(1).is_some_and(|date| is_date(&date))
}

fn is_date(cell: &[u8]) -> bool {
    matches!(cell, [_, _, b'/', _, _, b'/', _, _, _, _])
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let said = if is_dts(line) {
        if !line.trim_ascii_end().ends_with(b"</Event>") {
            return Err(RejectReason::WrongShape.into());
        }
        Said::of_dts(line)
    } else if is_database(line) {
        Said::of_database(line)
    } else if is_ias(line) {
        Said::of_ias(line)
    } else if matches!(line.trim_ascii(), b"<Events>" | b"</Events>") {
        return Err(Passed::Ignored(IgnoreReason::Comment));
    } else {
        return Err(RejectReason::WrongShape.into());
    };
    said.sign_in(clock).map(Event::SignIn)
}

#[derive(Default)]
struct Said<'a> {
    time: Option<Cow<'a, str>>,
    packet: Option<Cow<'a, str>>,
    status: Option<Cow<'a, str>>,
    user: Option<Cow<'a, str>>,
    ip: Option<Cow<'a, str>>,
    station: Option<Cow<'a, str>>,
    session: Option<Cow<'a, str>>,
    nas: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    fn of_dts(line: &'a [u8]) -> Self {
        let first = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| xml::element(line, name))
                .map(xml::plain)
                .filter(|value| !value.is_empty())
        };
        Said {
            time: first(&["Timestamp"]),
            packet: first(&["Packet-Type"]),
            status: first(&["Acct-Status-Type"]),
            // The third is spelt as NPS spells it.
            user: first(&[
                "User-Name",
                "SAM-Account-Name",
                "Fully-Qualifed-User-Name",
                "Fully-Qualified-User-Name",
            ]),
            ip: first(&["Framed-IP-Address"]),
            station: first(&["Calling-Station-Id", "Calling-Station-ID"]),
            session: first(&["Acct-Session-Id"]),
            nas: first(&[
                "NAS-Identifier",
                "Client-Friendly-Name",
                "NAS-IP-Address",
                "Client-IP-Address",
            ]),
        }
    }

    /// The order of columns is fixed; those after the last that has something may be missing.
    fn of_database(line: &'a [u8]) -> Self {
        let mut said = Said::default();
        let mut date = None;
        for (index, cell) in Cells::of(line, b',').enumerate() {
            if cell.is_empty() {
                continue;
            }
            let cell = cell_text(cell);
            match index + 1 {
                3 => date = Some(cell),
                4 => said.time = date.take().map(|date| Cow::Owned(format!("{date} {cell}"))),
                5 => said.packet = Some(cell),
                6 => said.user = Some(cell),
                // Acceptances name the account here alone.
                7 if said.user.is_none() => said.user = Some(cell),
                9 => said.station = Some(cell),
                11 => said.ip = Some(cell),
                12 => said.nas = Some(cell),
                13 | 16 | 17 if said.nas.is_none() => said.nas = Some(cell),
                32 => said.status = Some(cell),
                36 => said.session = Some(cell),
                _ => {}
            }
        }
        said
    }

    /// Six fields of heading, then numbers of attributes each with its value.
    fn of_ias(line: &'a [u8]) -> Self {
        let mut cells = Cells::of(line, b',').map(cell_text);
        let (nas, user, date, time) = (cells.next(), cells.next(), cells.next(), cells.next());
        let (_service, _computer) = (cells.next(), cells.next());
        let mut said = Said {
            time: date
                .zip(time)
                .map(|(date, time)| Cow::Owned(format!("{date} {time}"))),
            user: user.filter(|user| !user.is_empty()),
            nas,
            ..Said::default()
        };
        while let (Some(attribute), Some(value)) = (cells.next(), cells.next()) {
            match &*attribute {
                "8" => said.ip = Some(value),
                "31" => said.station = Some(value),
                "32" => said.nas = Some(value),
                "40" => said.status = Some(value),
                "44" => said.session = Some(value),
                "4129" | "4130" if said.user.is_none() => said.user = Some(value),
                "4136" => said.packet = Some(value),
                _ => {}
            }
        }
        said
    }

    fn sign_in(self, clock: &LocalClock) -> Result<SignIn<'a>, Passed> {
        let packet = self.packet.ok_or(RejectReason::MissingFields)?;
        let packet = number(packet.trim().as_bytes()).ok_or(RejectReason::BadNumber)?;
        let status = match self.status {
            Some(status) => Some(number(status.trim().as_bytes()).ok_or(RejectReason::BadNumber)?),
            None => None,
        };
        let event = match (packet, status) {
            (2, _) => SignInEvent::Logon,
            (3, _) => SignInEvent::Fail,
            (4, Some(1)) => SignInEvent::Start,
            (4, Some(2)) => SignInEvent::Stop,
            (4, Some(3)) => SignInEvent::Interim,
            (4, Some(7 | 8)) => SignInEvent::Restart,
            _ => return Err(OTHER),
        };
        let time = self.time.ok_or(RejectReason::MissingFields)?;
        let time =
            moment(time.as_bytes(), DayOrder::MonthFirst, clock).ok_or(RejectReason::BadTime)?;
        let nas = self.nas.unwrap_or_default().into();
        if event == SignInEvent::Restart {
            return Ok(SignIn {
                nas,
                ..sign_in(time, event, Basis::Radius)
            });
        }
        let ip = match self.ip {
            Some(ip) => Some(address(ip.trim().as_bytes()).ok_or(RejectReason::BadAddress)?)
                .filter(|ip| !super::radius_detail::is_chosen_later(*ip)),
            None => None,
        };
        let user = self.user.unwrap_or_default();
        let realm = user
            .rsplit_once('@')
            .map(|(_, realm)| realm)
            .or(user.split_once('\\').map(|(realm, _)| realm));
        Ok(SignIn {
            realm: realm.unwrap_or_default().to_owned().into(),
            account_token: AccountText::new(user),
            ip,
            mac: self
                .station
                .and_then(|station| card(station.trim().as_bytes())),
            session: self.session.unwrap_or_default().into(),
            nas,
            ..sign_in(time, event, Basis::Radius)
        })
    }
}
