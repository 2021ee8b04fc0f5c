//! Squid's own access log (`logformat squid`): ten fields set apart by blanks, one request a line.
//!
//! `time elapsed client code/status bytes method url user hierarchy/peer type`. Squid writes the line
//! when the request has ended, so its beginning is that time less the elapsed one: a tunnel may have
//! lasted for hours. Fields after the tenth (headers, where they are logged) are left alone.

use std::net::IpAddr;

use super::share_of_lines;
use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, contains, number, percent_decoded, text, unless_dash};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::squid::{action, client_ip, peer_of, put_url};
use crate::logs::times::epoch;
use crate::record::{AccountText, Event, RejectReason, WebHit};

/// Squid's own access log.
pub(super) struct SquidNative;

struct Reader;

impl LogFormat for SquidNative {
    fn name(&self) -> &'static str {
        "squid_native"
    }

    fn title(&self) -> &'static str {
        "Squid access log (native layout)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| read_either(line).is_ok())
    }

    fn reader(&self, _settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader)
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match read_either(frame.bytes) {
            Ok(hit) => {
                out(Event::WebHit(hit));
                Outcome::Records
            }
            Err(reason) => Outcome::Rejected(reason),
        }
    }
}

/// A line as it stands in the file, or behind the heading of syslog if Squid wrote it there.
fn read_either(line: &[u8]) -> Result<WebHit<'_>, RejectReason> {
    read_line(line).or_else(|reason| {
        let heading = Heading::of(line);
        match contains(heading.program, "squid") {
            true => read_line(heading.message),
            false => Err(reason),
        }
    })
}

pub(in crate::logs) fn read_line(line: &[u8]) -> Result<WebHit<'_>, RejectReason> {
    let (words, extra) = ten_words(line).ok_or(RejectReason::MissingFields)?;
    let [
        ended,
        elapsed,
        client,
        result,
        bytes,
        method,
        url,
        user,
        hierarchy,
        content_type,
    ] = words;
    if Words::of(extra).any(|word| word.starts_with(b"HIER_")) {
        // The real tenth field comes later: somebody asked for a URL that looks like the end of a line.
        return Err(RejectReason::WrongShape);
    }
    let ended = epoch(ended).ok_or(RejectReason::BadTime)?;
    let duration_ms = elapsed_ms(elapsed).ok_or(RejectReason::BadNumber)?;
    let mut hit = WebHit::at(ended.plus_micros(-duration_ms.saturating_mul(1_000)));
    // A clock that was set back during the request makes the elapsed time negative; how long it took is then not known.
    let known = elapsed.first() != Some(&b'-');
    hit.duration_ms = u32::try_from(duration_ms).ok().filter(|_| known);
    hit.client_ip = client_ip(client)?;
    let (code, status) = split_pair(result).ok_or(RejectReason::WrongShape)?;
    let status = number(status).and_then(|status| u16::try_from(status).ok());
    let status = status.ok_or(RejectReason::BadNumber)?;
    hit.status = (status != 0).then_some(status);
    hit.bytes_received = Some(number(bytes).ok_or(RejectReason::BadNumber)?);
    hit.method = unless_dash(method).map(text).unwrap_or_default().into();
    let understood = put_url(&mut hit, method, url)?;
    hit.action = action(code, status, understood);
    let user = unless_dash(user).map(|user| percent_decoded(user, false));
    hit.account_token = user.and_then(AccountText::new);
    hit.server_ip = server_ip(hierarchy)?;
    let content_type = unless_dash(content_type).map(text);
    hit.content_type = content_type.unwrap_or_default().into();
    Ok(hit)
}

/// The first ten words, and what stands after them. Squid sets them apart with blanks alone, several before the elapsed time.
fn ten_words(line: &[u8]) -> Option<([&[u8]; 10], &[u8])> {
    let mut words = [[].as_slice(); 10];
    let mut places = words.iter_mut();
    let mut place = places.next()?;
    let mut begins = 0;
    for ends in memchr::memchr_iter(b' ', line).chain(std::iter::once(line.len())) {
        if ends > begins {
            *place = line.get(begins..ends)?;
            match places.next() {
                Some(next) => place = next,
                None => return Some((words, line.get(ends..)?)),
            }
        }
        begins = ends + 1;
    }
    None
}

/// Milliseconds that the request took; a negative number is taken as none.
fn elapsed_ms(field: &[u8]) -> Option<i64> {
    match field {
        [b'-', digits @ ..] => number(digits).map(|_| 0),
        digits => i64::try_from(number(digits)?)
            .ok()
            .filter(|ms| *ms <= LONGEST_MS),
    }
}

/// The server's address, where the peer is the server itself and not another proxy.
fn server_ip(field: &[u8]) -> Result<Option<IpAddr>, RejectReason> {
    let (how, peer) = split_pair(field).ok_or(RejectReason::WrongShape)?;
    peer_of(how, peer)
}

fn split_pair(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'/', field)?;
    Some((field.get(..at)?, field.get(at + 1..)?))
}

/// A year: no request lasts longer.
const LONGEST_MS: i64 = 366 * 86_400 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Action;

    fn hit(line: &str) -> Result<WebHit<'_>, RejectReason> {
        read_line(line.as_bytes())
    }

    #[test]
    fn the_time_of_a_request_is_its_beginning() {
        let line = "1772446500.500   1500 10.1.2.3 TCP_MISS/200 4120 GET http://maths.example/a?b=c j.bloggs HIER_DIRECT/192.0.2.7 text/html";
        let hit = hit(line).unwrap();
        assert_eq!(hit.time.to_string(), "2026-03-02T10:14:59.000000Z");
        assert_eq!(
            (hit.duration_ms, hit.status, hit.bytes_received),
            (Some(1500), Some(200), Some(4120))
        );
        assert_eq!((&*hit.path, &*hit.query), ("/a", "b=c"));
        assert_eq!(hit.server_ip, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(hit.account_token, AccountText::new("j.bloggs"));
        assert_eq!(hit.action, Some(Action::Allowed));
    }

    #[test]
    fn a_refusal_and_a_question_for_the_name_are_told_apart() {
        let action = |result: &str| {
            let line = format!(
                "1772446500.500 0 10.1.2.3 {result} 0 CONNECT maths.example:443 - HIER_NONE/- -"
            );
            hit(&line).unwrap().action
        };
        assert_eq!(action("TCP_DENIED/403"), Some(Action::Blocked));
        assert_eq!(action("TCP_DENIED/407"), Some(Action::Authenticate));
        assert_eq!(action("TCP_TUNNEL/200"), Some(Action::Allowed));
    }

    #[test]
    fn a_blank_in_the_url_never_makes_a_part_of_it_the_name_of_somebody() {
        for line in [
            "1772446500.500 0 10.1.2.3 TCP_MISS/200 0 GET http://maths.example/a b j.bloggs HIER_DIRECT/192.0.2.7 text/html",
            "1772446500.500 0 10.1.2.3 TCP_MISS/200 0 GET http://maths.example/a victim HIER_NONE/- text/html j.bloggs HIER_DIRECT/192.0.2.7 text/html",
        ] {
            assert_eq!(hit(line), Err(RejectReason::WrongShape));
        }
    }

    #[test]
    fn another_proxy_is_not_the_server() {
        let line = "1772446500.500 0 2001:db8::5 TCP_MISS/200 0 GET http://maths.example/ a%20b FIRSTUP_PARENT/192.0.2.7 text/html";
        let hit = hit(line).unwrap();
        assert_eq!(hit.server_ip, None);
        assert_eq!(hit.account_token, AccountText::new("a b"));
    }
}
