//! A day's traffic of an establishment: what Squid writes, and beside each line the truth.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::clocks::{HOUR, MINUTE, at, moment};
use super::people::Role;
use super::stays::{Proxy, Stay};
use super::truth::{Basis, Core};
use super::web::{self, Request};
use super::{Establishment, Piece, Region, truth};

/// A request that was made, and who made it.
struct Made<'a> {
    /// When it ended, by the proxy's clock.
    ended: i64,
    stay: &'a Stay,
    named: Option<usize>,
    request: Request,
    story: Option<&'a str>,
}

impl Establishment {
    /// The log of one day, and the truth of its lines.
    pub fn day(&self, region: &Region, number: usize) -> Vec<Piece> {
        let Some(day) = region.days.get(number) else {
            return Vec::new();
        };
        let (from, to) = (
            at(&region.zone, *day, 0),
            region.zone.end_of_day(*day).micros() / 1000,
        );
        let mut made: Vec<Made<'_>> = Vec::new();
        for (place, stay) in self.stays.iter().enumerate() {
            let (from, to) = (stay.from.max(from), stay.to.min(to));
            if from < to {
                self.traffic(region, number, (place, stay), (from, to), &mut made);
            }
        }
        made.sort_by_key(|made| (made.ended, made.stay.ip));
        let file = format!("logs/squid-{}-{}.log", self.name, day);
        let (mut log, mut said) = (String::new(), String::new());
        let mut frame = 0;
        for (number, made) in made.iter().enumerate() {
            if number % 5000 == 4999 {
                log.push_str("1772531\n");
                frame += 1;
            }
            frame += 1;
            let user = made
                .named
                .and_then(|named| self.people.get(named))
                .map_or("-", |person| &person.account);
            log.push_str(&web::line(made.ended, made.stay.ip, user, &made.request));
            self.truth(&mut said, &file, frame, made);
        }
        [(file, log), ("truth/events.jsonl".to_owned(), said)]
            .into_iter()
            .map(|(file, text)| Piece {
                file,
                bytes: text.into_bytes(),
            })
            .collect()
    }

    fn traffic<'a>(
        &'a self,
        region: &Region,
        day: usize,
        (place, stay): (usize, &'a Stay),
        (from, to): (i64, i64),
        made: &mut Vec<Made<'a>>,
    ) {
        let part = |number: usize| u64::try_from(number).unwrap_or(0);
        let mut random = region.random(&[u64::from(self.index), 3, part(place), part(day)]);
        let mean = HOUR / i64::from(region.plan.requests.max(1));
        let mut add = |begins: i64, named, mut request: Request, story| {
            // What is open when the device goes is closed with it.
            request.elapsed = request.elapsed.min(stay.to - begins).max(0);
            let ended = self.proxy.says(begins + request.elapsed);
            made.push(Made {
                ended,
                stay,
                named,
                request,
                story,
            });
        };
        let mut begins = from + random.between(500, MINUTE);
        while begins < to {
            let named = match stay.proxy {
                Proxy::Named(who) if !random.chance(200) => Some(who),
                _ => None,
            };
            add(begins, named, web::request(&mut random), None);
            begins += random.wait(mean);
        }
        for story in self.stories.iter().filter(|story| story.stay == place) {
            for (at, request) in (story.script.requests)(story)
                .into_iter()
                .filter(|(at, _)| from <= *at && *at < to)
            {
                add(at, None, request, Some(story.id.as_str()));
            }
        }
    }

    /// A line of `truth/events.jsonl`.
    fn truth(&self, out: &mut String, file: &str, frame: u64, made: &Made<'_>) {
        let stay = made.stay;
        let begun = self.proxy.corrected(made.ended - made.request.elapsed);
        let account = |number: usize| {
            self.people
                .get(number)
                .map(|person| person.account.as_str())
        };
        let real = made.named.or(stay.person);
        let (core, clocks) = match made.named {
            Some(who) => (self.named(who), false),
            None => truth::at(self.turns.get(&stay.ip), begun),
        };
        let mut troubles: Vec<&str> = stay.troubles.iter().copied().collect();
        if clocks {
            troubles.push("clock");
        }
        let (verdict, name, basis) = match core {
            Core::Attributed(who, basis) if Some(who) == real => {
                ("attributed", account(who), Some(basis))
            }
            // Everything that arrived says that it was another: it can not be known who it was.
            Core::Attributed(..) => {
                troubles.push("contradicted");
                ("not_attributable", None, None)
            }
            Core::SharedAccount(who, basis) => ("shared", account(who), Some(basis)),
            Core::SharedDevice => ("shared", None, Some(Basis::Lease)),
            Core::Disputed(basis) => ("disputed", None, Some(basis)),
            Core::Nothing => ("not_attributable", None, None),
        };
        let text = |value: Option<&str>| {
            value.map_or_else(|| "null".to_owned(), |value| format!("\"{value}\""))
        };
        let troubles: Vec<String> = troubles
            .iter()
            .map(|trouble| format!("\"{trouble}\""))
            .collect();
        // Writing to a text does not fail.
        let written = writeln!(
            out,
            "{{\"source\":\"{file}\",\"frame\":{frame},\"time\":\"{}\",\"ip\":\"{}\",\"port\":null,\"establishment\":{},\"account\":{},\"verdict\":\"{verdict}\",\"basis\":{},\"trouble\":[{}],\"story\":{},\"real\":{}}}",
            moment(begun),
            stay.ip,
            text(self.place(stay.ip)),
            text(name),
            text(basis.map(Basis::as_str)),
            troubles.join(","),
            text(made.story),
            text(real.and_then(account)),
        );
        debug_assert!(written.is_ok());
    }

    fn named(&self, who: usize) -> Core {
        match self.people.get(who).map(|person| person.role) {
            Some(Role::Shared | Role::Service) => Core::SharedAccount(who, Basis::Event),
            _ => Core::Attributed(who, Basis::Event),
        }
    }

    /// Whose network an address lies in, by the register.
    fn place(&self, ip: Ipv4Addr) -> Option<&str> {
        let [_, second, ..] = ip.octets();
        (u32::from(second) == self.index).then_some(self.name.as_str())
    }
}
