//! Squid's `logformat combined`: the layout of Apache's combined log, with Squid's own result at the end of each line.
//!
//! `client ident user [time] "method url HTTP/version" status bytes "referrer" "user agent" code:hierarchy`.
//! The time is that of the end of the request and nothing says how long it took, so it is taken as it stands.
//! Squid may write the two headers with their quotation marks as they came: what stands before them is read from the
//! front and the result from the end, so that no header can pass for another field; where one ends and the other begins
//! is said only if it is certain. Both are kept as they are written. Lines with further headers after the result
//! (`log_mime_hdrs`) are rejected.

use memchr::{memchr, memmem, memrchr};

use super::share_of_lines;
use crate::logs::fields::{number, percent_decoded, text, unless_dash};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::squid::{action, client_ip, put_url};
use crate::logs::times::common_log;
use crate::record::{AccountText, Event, RejectReason, WebHit};

/// Squid's access log in the combined layout.
pub(super) struct SquidCombined;

struct Reader;

impl LogFormat for SquidCombined {
    fn name(&self) -> &'static str {
        "squid_combined"
    }

    fn title(&self) -> &'static str {
        "Squid access log (combined layout)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| read_line(line).is_ok())
    }

    fn reader(&self, _settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader)
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match read_line(frame.bytes) {
            Ok(hit) => {
                out(Event::WebHit(hit));
                Outcome::Records
            }
            Err(reason) => Outcome::Rejected(reason),
        }
    }
}

fn read_line(line: &[u8]) -> Result<WebHit<'_>, RejectReason> {
    let (client, rest) = word(line)?;
    let (_ident, rest) = word(rest)?;
    let (user, rest) = word(rest)?;
    let (date, rest) = word(rest)?;
    let (zone, rest) = word(rest)?;
    // A blank in the name moves the bracket: then no field can be trusted, the name least.
    let date = date.strip_prefix(b"[").ok_or(RejectReason::WrongShape)?;
    let zone = zone.strip_suffix(b"]").ok_or(RejectReason::WrongShape)?;
    let time = common_log(date, zone).ok_or(RejectReason::BadTime)?;

    let (method, rest) = word(rest)?;
    let (url, rest) = word(rest)?;
    let (version, rest) = word(rest)?;
    let method = method.strip_prefix(b"\"").ok_or(RejectReason::WrongShape)?;
    if !version.starts_with(b"HTTP/") || !version.ends_with(b"\"") {
        return Err(RejectReason::WrongShape);
    }
    let (status, rest) = word(rest)?;
    let (bytes, rest) = word(rest)?;
    let (headers, code) = headers_and_code(rest)?;

    let mut hit = WebHit::at(time);
    hit.client_ip = client_ip(client)?;
    let status = number(status).and_then(|status| u16::try_from(status).ok());
    let status = status.ok_or(RejectReason::BadNumber)?;
    hit.status = (status != 0).then_some(status);
    hit.bytes_received = Some(number(bytes).ok_or(RejectReason::BadNumber)?);
    hit.method = unless_dash(method).map(text).unwrap_or_default().into();
    let understood = put_url(&mut hit, method, url)?;
    hit.action = action(code, status, understood);
    let user = unless_dash(user).map(|user| percent_decoded(user, false));
    hit.account_token = user.and_then(AccountText::new);
    let (referrer, user_agent) = two_headers(headers)?;
    hit.referrer = unless_dash(referrer).map(text).unwrap_or_default();
    hit.user_agent = unless_dash(user_agent).map(text).unwrap_or_default();
    Ok(hit)
}

/// The line up to its next blank, and what stands after that. Squid writes one blank between fields.
#[inline]
fn word(line: &[u8]) -> Result<(&[u8], &[u8]), RejectReason> {
    let at = memchr(b' ', line).ok_or(RejectReason::MissingFields)?;
    match line.split_at_checked(at) {
        Some((word, [b' ', rest @ ..])) => Ok((word, rest)),
        _ => Err(RejectReason::MissingFields),
    }
}

/// Of `"referrer" "user agent" code:hierarchy`: what stands between the first and the last quotation mark, and the code.
fn headers_and_code(rest: &[u8]) -> Result<(&[u8], &[u8]), RejectReason> {
    let rest = rest.strip_prefix(b"\"").ok_or(RejectReason::WrongShape)?;
    let at = memrchr(b'"', rest).ok_or(RejectReason::MissingFields)?;
    let (headers, result) = rest.split_at_checked(at).ok_or(RejectReason::WrongShape)?;
    let result = match result {
        [b'"', b' ', result @ ..] => result,
        [b'"'] => return Err(RejectReason::MissingFields),
        _ => return Err(RejectReason::WrongShape),
    };
    let colon = memchr(b':', result).ok_or(RejectReason::WrongShape)?;
    match result.split_at_checked(colon) {
        Some((code, [b':', how @ ..])) if is_code(code) && is_code(how) => Ok((headers, code)),
        _ => Err(RejectReason::WrongShape),
    }
}

fn is_code(word: &[u8]) -> bool {
    let in_codes = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    !word.is_empty() && word.iter().all(in_codes)
}

/// The two headers, set apart by `" "`. Both empty if that is there more than once: where the one ends can not be said.
fn two_headers(headers: &[u8]) -> Result<(&[u8], &[u8]), RejectReason> {
    if looks_like_a_request(headers) {
        // The real end of the request comes later: somebody asked for a URL that looks like the end of one.
        return Err(RejectReason::WrongShape);
    }
    let at = memmem::find(headers, BETWEEN).ok_or(RejectReason::MissingFields)?;
    if memmem::rfind(headers, BETWEEN) != Some(at) {
        return Ok((&[], &[]));
    }
    let referrer = headers.get(..at).unwrap_or_default();
    Ok((
        referrer,
        headers.get(at + BETWEEN.len()..).unwrap_or_default(),
    ))
}

/// Whether there is ` HTTP/1.1" 200` in it.
fn looks_like_a_request(headers: &[u8]) -> bool {
    let from = memmem::find(headers, b" HTTP/").and_then(|at| headers.get(at..));
    from.is_some_and(|from| {
        from.windows(3)
            .any(|part| matches!(part, [b'"', b' ', b'0'..=b'9']))
    })
}

/// What stands between the two headers.
const BETWEEN: &[u8] = b"\" \"";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::formats::{format, likeliest};
    use crate::record::Action;

    fn hit(line: &str) -> Result<WebHit<'_>, RejectReason> {
        read_line(line.as_bytes())
    }

    const PLAIN: &str = r#"10.1.2.3 - j.bloggs [02/Mar/2026:10:15:00 +0000] "GET http://maths.example/a?b=c HTTP/1.1" 200 4120 "http://www.maths.example/" "Browser/1.0 (Desk; x)" TCP_MISS:HIER_DIRECT"#;

    #[test]
    fn the_time_of_a_request_is_what_the_line_says() {
        let read = hit(PLAIN).unwrap();
        assert_eq!(read.time.to_string(), "2026-03-02T10:15:00.000000Z");
        assert_eq!(
            (read.duration_ms, read.status, read.bytes_received),
            (None, Some(200), Some(4120))
        );
        assert_eq!(read.account_token, AccountText::new("j.bloggs"));
        assert_eq!(read.referrer, "http://www.maths.example/");
        assert_eq!(read.user_agent, "Browser/1.0 (Desk; x)");
        let summer = PLAIN.replace("02/Mar/2026:10:15:00 +0000", "25/Oct/2026:01:30:00 +0100");
        let summer = hit(&summer).unwrap().time.to_string();
        assert_eq!(summer, "2026-10-25T00:30:00.000000Z");
        for bad in ["30/Feb/2026:10:15:00 +0000", "02/Mar/2026:10:15:00 +0060"] {
            let line = PLAIN.replace("02/Mar/2026:10:15:00 +0000", bad);
            assert_eq!(hit(&line), Err(RejectReason::BadTime));
        }
    }

    #[test]
    fn a_refusal_and_a_question_for_the_name_are_told_apart() {
        let action = |status: &str, code: &str| {
            let line = format!(
                "10.1.2.3 - - [02/Mar/2026:10:15:00 +0000] \"CONNECT maths.example:443 HTTP/1.1\" {status} 0 \"-\" \"-\" {code}:HIER_NONE"
            );
            hit(&line).unwrap().action
        };
        assert_eq!(action("403", "TCP_DENIED"), Some(Action::Blocked));
        assert_eq!(action("407", "TCP_DENIED"), Some(Action::Authenticate));
        assert_eq!(action("200", "TCP_TUNNEL"), Some(Action::Allowed));
    }

    #[test]
    fn a_header_never_passes_for_another_field() {
        let denied = PLAIN
            .replace("TCP_MISS", "TCP_DENIED")
            .replace("(Desk; x)", "x\" \"y\" TCP_MISS:HIER_DIRECT");
        let read = hit(&denied).unwrap();
        assert_eq!(read.action, Some(Action::Blocked));
        assert_eq!((&*read.referrer, &*read.user_agent), ("", ""));
        let quoted = PLAIN.replace("(Desk; x)", "the \"best\" one");
        assert_eq!(
            hit(&quoted).unwrap().user_agent,
            "Browser/1.0 the \"best\" one"
        );
        for (from, to) in [
            ("j.bloggs", "a.victim j.bloggs"),
            ("/a?b=c", "/a b"),
            ("/a?b=c", "/ HTTP/1.1\" 200 1 \"x"),
        ] {
            let line = PLAIN.replace(from, to);
            assert_eq!(hit(&line), Err(RejectReason::WrongShape), "{to}");
        }
    }

    #[test]
    fn it_is_told_apart_from_the_native_layout() {
        let native = "1772446500.500 1500 10.1.2.3 TCP_MISS/200 4120 GET http://maths.example/ j.bloggs HIER_DIRECT/192.0.2.7 text/html";
        let other = format("squid_native").unwrap();
        for (line, name) in [(PLAIN, "squid_combined"), (native, "squid_native")] {
            let guess = likeliest(&[line.as_bytes()]).map(|(format, share)| (format.name(), share));
            assert_eq!(guess, Some((name, 100)));
        }
        assert_eq!(other.likeness(&[PLAIN.as_bytes()]), 0);
        assert_eq!(SquidCombined.likeness(&[native.as_bytes()]), 0);
        let apache = PLAIN.strip_suffix(" TCP_MISS:HIER_DIRECT").unwrap();
        assert_eq!(SquidCombined.likeness(&[apache.as_bytes()]), 0);
    }
}
