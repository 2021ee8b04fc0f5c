//! Squid's access log in any layout of its own: the string of its `logformat` directive, from the configuration.
//!
//! The codes are those of Squid's manual (squid.conf, `logformat`). A line is read from its front: each value goes to
//! where the text between two codes stands next, and outside quotation marks it holds no blank: Squid packs what
//! clients send. Where a blank stands all the same (in a URL), the values have slipped and the line is rejected: then
//! none can be trusted, the name least.

mod codes;

use std::borrow::Cow;

use super::fields::{number, percent_decoded, text, unless_dash};
use super::format::{LineReader, LogFormat, Outcome, SourceSettings};
use super::formats::share_of_lines;
use super::framing::Frame;
use super::squid::{action, client_ip, peer_of, put_url};
use super::times::{common_log, epoch};
use crate::record::{AccountText, Action, Event, RejectReason, Timestamp, WebHit};
use codes::{CODES, OTHERS, OWN, Value};

/// A layout of Squid's access log.
#[derive(Clone, Debug)]
pub struct SquidLayout {
    name: &'static str,
    title: &'static str,
    pieces: Vec<Piece>,
}

/// Why a layout can not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A code that the manual does not have.
    #[error("{0:?} begins with no code of Squid's manual")]
    UnknownCode(String),
    /// Two values with nothing between them.
    #[error("between {0:?} and what stands before it there is nothing to tell them apart by")]
    Touching(String),
    /// A time in words of its own.
    #[error(
        "times are read as %ts, with or without .%03tu, or as %tl and %tg without a form of their own"
    )]
    OwnTime,
    /// A value that somebody outside could write for another.
    #[error(
        "what a client sends stands before {0:?} and could pass for it: put a blank or quotation marks around what clients send"
    )]
    Forgeable(String),
    /// Something without which a line says nothing.
    #[error("the layout has no {0}")]
    Missing(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Value(Value, Packing),
}

/// How Squid packs a value, for the ones where it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// In quotation marks, with backslashes.
    Quoted,
    Other,
}

impl SquidLayout {
    /// A layout with this name, from what stands behind the name in Squid's `logformat` line.
    pub fn of(name: &'static str, title: &'static str, layout: &str) -> Result<Self, LayoutError> {
        let pieces = pieces(layout)?;
        let has = |value: Value| {
            pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Value(one, _) if *one == value))
        };
        for (needed, word) in [
            (&[Value::Seconds, Value::Clock][..], "time (%ts or %tl)"),
            (&[Value::ClientIp], "client (%>a)"),
            (&[Value::Url, Value::Host], "request (%ru)"),
        ] {
            if !needed.iter().any(|value| has(*value)) {
                return Err(LayoutError::Missing(word));
            }
        }
        SquidLayout::is_safe(&pieces)?;
        Ok(SquidLayout {
            name,
            title,
            pieces,
        })
    }

    /// Whether no client can write anything that is then read as another value. What ends at a blank, or at the
    /// quotation mark around it, can not: Squid packs both, and a line that has one too many is rejected.
    fn is_safe(pieces: &[Piece]) -> Result<(), LayoutError> {
        #[derive(PartialEq)]
        enum Reach {
            Nothing,
            ToTheMark,
            ToTheEnd,
        }
        let mut reach = Reach::Nothing;
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(between) if reach == Reach::ToTheMark && between.contains(&b'"') => {
                    reach = Reach::Nothing;
                }
                Piece::Text(_) => {}
                Piece::Value(value, _) if reach != Reach::Nothing && !value.is_chosen() => {
                    return Err(LayoutError::Forgeable(format!("{value:?}")));
                }
                Piece::Value(Value::User, _) if reach != Reach::Nothing => {
                    return Err(LayoutError::Forgeable(format!("{:?}", Value::User)));
                }
                Piece::Value(value, packing) if value.is_chosen() => {
                    let next = match pieces.get(at + 1) {
                        Some(Piece::Text(next)) => next.first(),
                        _ => None,
                    };
                    let ends = match packing {
                        Packing::Quoted => next == Some(&b'"'),
                        Packing::Other => next.is_none_or(|first| *first == b' '),
                    };
                    if !ends && reach == Reach::Nothing {
                        reach = match packing {
                            Packing::Quoted => Reach::ToTheMark,
                            Packing::Other => Reach::ToTheEnd,
                        };
                    }
                }
                Piece::Value(..) => {}
            }
        }
        Ok(())
    }

    fn read<'a>(&self, line: &'a [u8]) -> Result<WebHit<'a>, RejectReason> {
        let mut said = Said::default();
        let mut rest = line.trim_ascii_start();
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(between) => {
                    rest = rest
                        .strip_prefix(between.as_slice())
                        .ok_or(RejectReason::WrongShape)?;
                    if between.ends_with(b" ") {
                        // A value that is shorter than its place is filled up with blanks.
                        rest = rest.trim_ascii_start();
                    }
                }
                Piece::Value(value, packing) => {
                    let next = match pieces.peek() {
                        Some(Piece::Text(next)) => Some(next.as_slice()),
                        _ => None,
                    };
                    let end =
                        end_of(*value, *packing, rest, next).ok_or(RejectReason::MissingFields)?;
                    let (bytes, after) = rest
                        .split_at_checked(end)
                        .ok_or(RejectReason::MissingFields)?;
                    let is_open = *packing == Packing::Other && *value != Value::Clock;
                    if is_open && bytes.trim_ascii().contains(&b' ') {
                        // The values have slipped, and another's words stand here.
                        return Err(RejectReason::WrongShape);
                    }
                    said.put(*value, *packing, bytes);
                    rest = after;
                }
            }
        }
        if !rest.is_empty() {
            return Err(RejectReason::WrongShape);
        }
        said.hit()
    }
}

/// Where a value ends.
fn end_of(value: Value, packing: Packing, rest: &[u8], next: Option<&[u8]>) -> Option<usize> {
    if value == Value::Clock {
        return (rest.len() >= CLOCK).then_some(CLOCK);
    }
    let Some(next) = next else {
        return Some(rest.len());
    };
    memchr::memmem::find_iter(rest, next)
        .find(|at| packing == Packing::Other || !is_escaped(rest, *at))
}

/// Whether a backslash stands before this place that is none of a pair.
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    before
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count()
        % 2
        == 1
}

/// What a line says.
#[derive(Default)]
struct Said<'a> {
    seconds: Option<&'a [u8]>,
    milliseconds: Option<&'a [u8]>,
    clock: Option<&'a [u8]>,
    elapsed: Option<&'a [u8]>,
    client: Option<&'a [u8]>,
    client_port: Option<&'a [u8]>,
    server: Option<&'a [u8]>,
    server_port: Option<&'a [u8]>,
    method: Option<&'a [u8]>,
    url: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    hierarchy: Option<&'a [u8]>,
    code: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    received: Option<&'a [u8]>,
    sent: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    user_agent: Option<(&'a [u8], Packing)>,
    referrer: Option<(&'a [u8], Packing)>,
}

impl<'a> Said<'a> {
    fn put(&mut self, value: Value, packing: Packing, bytes: &'a [u8]) {
        let Some(bytes) = unless_dash(bytes.trim_ascii()) else {
            return;
        };
        let place = match value {
            Value::Seconds => &mut self.seconds,
            Value::Milliseconds => &mut self.milliseconds,
            Value::Clock => &mut self.clock,
            Value::Elapsed => &mut self.elapsed,
            Value::ClientIp => &mut self.client,
            Value::ClientPort => &mut self.client_port,
            Value::ServerIp => &mut self.server,
            Value::ServerPort => &mut self.server_port,
            Value::Method => &mut self.method,
            Value::Url => &mut self.url,
            Value::Host => &mut self.host,
            Value::Hierarchy => &mut self.hierarchy,
            Value::Code => &mut self.code,
            Value::Status => &mut self.status,
            Value::Received => &mut self.received,
            Value::Sent => &mut self.sent,
            Value::User => &mut self.user,
            Value::ContentType => &mut self.content_type,
            Value::UserAgent => {
                self.user_agent = Some((bytes, packing));
                return;
            }
            Value::Referrer => {
                self.referrer = Some((bytes, packing));
                return;
            }
            Value::Own | Value::Ignored => return,
        };
        place.get_or_insert(bytes);
    }

    fn hit(self) -> Result<WebHit<'a>, RejectReason> {
        let ended = self.time().ok_or(RejectReason::BadTime)?;
        let elapsed = match self.elapsed {
            // A clock that was set back during the request makes it negative; how long it took is then not known.
            Some([b'-', ..]) | None => None,
            Some(digits) => Some(bounded(digits, LONGEST_MS)?),
        };
        let micros = elapsed.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0) * 1_000;
        let mut hit = WebHit::at(ended.plus_micros(-micros));
        hit.duration_ms = elapsed.and_then(|ms| u32::try_from(ms).ok());
        hit.client_ip = self.client.map_or(Ok(None), client_ip)?;
        hit.client_port = port(self.client_port)?;
        if let Some(how) = self.hierarchy {
            hit.server_ip = peer_of(how, self.server.unwrap_or_default())?;
        }
        if hit.server_ip.is_some() {
            hit.server_port = port(self.server_port)?;
        }
        let status = match self.status {
            Some(status) => {
                u16::try_from(bounded(status, 999)?).map_err(|_| RejectReason::BadNumber)?
            }
            None => 0,
        };
        hit.status = (status != 0).then_some(status);
        hit.bytes_received = self
            .received
            .map(|bytes| bounded(bytes, u64::MAX))
            .transpose()?;
        hit.bytes_sent = self
            .sent
            .map(|bytes| bounded(bytes, u64::MAX))
            .transpose()?;
        let method = self.method.unwrap_or_default();
        hit.method = text(method).into();
        let mut understood = match self.url {
            Some(url) => put_url(&mut hit, method, url)?,
            None => false,
        };
        if hit.host.0.is_empty()
            && let Some(host) = self.host
        {
            hit.host = super::fields::domain(host).into();
            understood = true;
        }
        hit.action = match self.code {
            Some(code) => action(code, status, understood),
            // Without Squid's own word nothing says whether a refusal was Squid's or the server's.
            None => (status == 407).then_some(Action::Authenticate),
        };
        let user = self.user.map(|user| percent_decoded(user, false));
        hit.account_token = user.and_then(AccountText::new);
        hit.content_type = self.content_type.map(text).unwrap_or_default().into();
        hit.user_agent = self.user_agent.map(header).unwrap_or_default();
        hit.referrer = self.referrer.map(header).unwrap_or_default();
        Ok(hit)
    }

    fn time(&self) -> Option<Timestamp> {
        if let Some(seconds) = self.seconds {
            let whole = epoch(seconds)?;
            let Some(milliseconds) = self.milliseconds else {
                return Some(whole);
            };
            let milliseconds = number(milliseconds).filter(|ms| *ms < 1_000)?;
            return Some(whole.plus_micros(i64::try_from(milliseconds).ok()? * 1_000));
        }
        let (date, zone) = self.clock?.split_at_checked(CLOCK - 6)?;
        common_log(date, zone.strip_prefix(b" ")?)
    }
}

fn bounded(digits: &[u8], most: u64) -> Result<u64, RejectReason> {
    number(digits)
        .filter(|number| *number <= most)
        .ok_or(RejectReason::BadNumber)
}

fn port(digits: Option<&[u8]>) -> Result<Option<u16>, RejectReason> {
    let Some(digits) = digits else {
        return Ok(None);
    };
    let port = number(digits).and_then(|port| u16::try_from(port).ok());
    Ok(Some(port.ok_or(RejectReason::BadNumber)?).filter(|port| *port != 0))
}

/// A header as the client sent it.
fn header((bytes, packing): (&[u8], Packing)) -> Cow<'_, str> {
    if packing == Packing::Other || !bytes.contains(&b'\\') {
        return text(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(other) => *other,
                None => b'\\',
            },
            byte => *byte,
        });
    }
    Cow::Owned(text(&plain).into_owned())
}

/// Cuts a layout into what stands in every line and what a line says.
fn pieces(layout: &str) -> Result<Vec<Piece>, LayoutError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut rest, mut quoted) = (layout.trim(), false);
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest
            .strip_prefix('%')
            .filter(|after| !after.starts_with('%'))
        {
            let (value, packing, tail) = value(after)?;
            if matches!(pieces.last(), Some(Piece::Value(before, _)) if *before != Value::Clock) {
                return Err(LayoutError::Touching(rest.to_owned()));
            }
            let packing = if quoted { Packing::Quoted } else { packing };
            pieces.push(Piece::Value(value, packing));
            rest = tail;
            continue;
        }
        let length = if rest.starts_with("%%") {
            2
        } else {
            first.len_utf8()
        };
        quoted ^= first == '"';
        let mut bytes = [0; 4];
        let bytes = first.encode_utf8(&mut bytes).as_bytes();
        match pieces.last_mut() {
            Some(Piece::Text(text)) => text.extend_from_slice(bytes),
            _ => pieces.push(Piece::Text(bytes.to_vec())),
        }
        rest = rest.split_at_checked(length).map_or("", |(_, tail)| tail);
    }
    Ok(pieces)
}

/// What a code means, how it is packed, and what stands behind it: `["'[#/] [-] [[0]width] [{arg}] code [{arg}]`.
fn value(after: &str) -> Result<(Value, Packing, &str), LayoutError> {
    let mut rest = after;
    let mut packing = Packing::Other;
    if let Some(tail) = rest.strip_prefix(['"', '\'', '[', '#', '/']) {
        if rest.starts_with('"') {
            packing = Packing::Quoted;
        }
        rest = tail;
    }
    rest = rest
        .trim_start_matches('-')
        .trim_start_matches(|byte: char| byte.is_ascii_digit() || byte == '.');
    let (mut argument, mut rest) = argument(rest);
    let known = CODES.iter().map(|(code, value)| (*code, *value));
    let known = known.chain(OWN.iter().map(|code| (*code, Value::Own)));
    let known = known.chain(OTHERS.iter().map(|code| (*code, Value::Ignored)));
    let bare = rest.strip_prefix("http::").unwrap_or(rest);
    let found = known
        .filter_map(|(code, value)| {
            let tail = bare.strip_prefix(code).or_else(|| tls_spelling(bare, code));
            tail.map(|tail| (code, value, tail))
        })
        .max_by_key(|(code, ..)| code.len());
    let (code, mut value, tail) =
        found.ok_or_else(|| LayoutError::UnknownCode(format!("%{after}")))?;
    rest = tail;
    if argument.is_none() {
        (argument, rest) = self::argument(rest);
    }
    if value == Value::Clock && argument.is_some_and(|form| !form.is_empty() && form != COMMON) {
        return Err(LayoutError::OwnTime);
    }
    if code == ">h" {
        value = match argument.unwrap_or_default().to_ascii_lowercase().as_str() {
            "user-agent" => Value::UserAgent,
            "referer" => Value::Referrer,
            _ => Value::Ignored,
        };
    }
    Ok((value, packing, rest))
}

/// Newer releases write `tls::` for `ssl::`.
fn tls_spelling<'t>(text: &'t str, code: &str) -> Option<&'t str> {
    text.strip_prefix("tls::")?
        .strip_prefix(code.strip_prefix("ssl::")?)
}

fn argument(text: &str) -> (Option<&str>, &str) {
    match text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        Some((argument, rest)) => (Some(argument), rest),
        None => (None, text),
    }
}

impl LogFormat for SquidLayout {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| self.read(line).is_ok())
    }

    fn reader(&self, _settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader(self.clone()))
    }
}

struct Reader(SquidLayout);

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match self.0.read(frame.bytes) {
            Ok(hit) => {
                out(Event::WebHit(hit));
                Outcome::Records
            }
            Err(reason) => Outcome::Rejected(reason),
        }
    }
}

/// How long a time of `%tl` is: `02/Mar/2026:10:15:00 +0000`.
const CLOCK: usize = 26;

/// The form of `%tl` that it has without a form of its own.
const COMMON: &str = "%d/%b/%Y:%H:%M:%S %z";

/// A year: no request lasts longer.
const LONGEST_MS: u64 = 366 * 86_400 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NATIVE: &str = "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt";
    const LONG: &str = r#"%>a:%>p %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st %>st "%{Referer}>h" "%{User-Agent}>h" %Ss:%Sh %{X-Forwarded-For}>h %ssl::>sni %tr"#;

    fn layout(text: &str) -> SquidLayout {
        SquidLayout::of("own", "own", text).unwrap()
    }

    #[test]
    fn the_native_layout_in_words_reads_as_the_native_format_does() {
        let own = layout(NATIVE);
        let good = include_bytes!("../../fixtures/logs/squid_native/good.log").as_slice();
        let odd = include_bytes!("../../fixtures/logs/squid_native/odd.log").as_slice();
        let parent = "1772446500.500      0 10.1.2.3 TCP_MISS/200 0 GET http://maths.example/ a%20b FIRSTUP_PARENT/192.0.2.7 text/html";
        let mut read = 0;
        let lines = good.split(|byte| *byte == b'\n');
        let lines = lines.chain(odd.split(|byte| *byte == b'\n'));
        for line in lines.chain([parent.as_bytes()]) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Ok(expected) = super::super::formats::squid_native_line(line) else {
                continue;
            };
            if line.ends_with(b"]") {
                // Headers behind the line (`log_mime_hdrs`), of which this layout says nothing.
                continue;
            }
            let told = String::from_utf8_lossy(line);
            assert_eq!(own.read(line), Ok(expected), "{told}");
            read += 1;
        }
        assert!(read > 6, "{read}");
    }

    #[test]
    fn a_long_layout_with_headers_in_quotation_marks_is_read() {
        let own = layout(LONG);
        let line = r#"10.1.2.3:50123 - j.bloggs [02/Mar/2026:10:15:00 +0000] "CONNECT maths.example:443 HTTP/1.1" 200 5120 612 "https://a.example/\"b\"" "Lines \\ 5" TCP_TUNNEL:HIER_DIRECT - maths.example 1500"#;
        let hit = own.read(line.as_bytes()).unwrap();
        assert_eq!(hit.time.to_string(), "2026-03-02T10:14:58.500000Z");
        assert_eq!((hit.client_port, hit.port), (Some(50123), Some(443)));
        assert_eq!(
            (hit.bytes_received, hit.bytes_sent),
            (Some(5120), Some(612))
        );
        assert_eq!(hit.account_token, AccountText::new("j.bloggs"));
        assert_eq!(
            (&*hit.referrer, &*hit.user_agent),
            ("https://a.example/\"b\"", "Lines \\ 5")
        );
        assert_eq!(hit.action, Some(Action::Allowed));
    }

    #[test]
    fn a_blank_where_none_may_be_makes_nobody_of_anybody() {
        let own = layout(NATIVE);
        for line in [
            "1772446500.500 0 10.1.2.3 TCP_MISS/200 0 GET http://maths.example/a b j.bloggs HIER_DIRECT/192.0.2.7 text/html",
            "1772446500.500 0 10.1.2.3 TCP_MISS/200 0 GET http://maths.example/a victim HIER_NONE/- text/html j.bloggs HIER_DIRECT/192.0.2.7 text/html",
        ] {
            assert_eq!(own.read(line.as_bytes()), Err(RejectReason::WrongShape));
        }
    }

    #[test]
    fn every_prefix_and_every_change_of_one_byte_is_read_or_rejected() {
        let own = layout(LONG);
        let line = r#"10.1.2.3:5 - j.bloggs [02/Mar/2026:10:15:00 +0000] "GET http://maths.example/ HTTP/1.1" 200 5120 612 "-" "Lines" TCP_MISS:HIER_DIRECT - - 15"#.as_bytes();
        assert!(own.read(line).is_ok());
        for end in 0..line.len() {
            // A shorter number at the end is a number; whether the line is whole is the frame's to say.
            drop(own.read(&line[..end]));
            let mut changed = line.to_vec();
            for byte in 0..=255 {
                changed[end] = byte;
                drop(own.read(&changed));
            }
        }
    }

    /// With commas, a pupil who asks for `http://x.example/,victim` would be read as `victim`.
    #[test]
    fn a_layout_in_which_a_url_could_pass_for_a_name_is_refused() {
        for forgeable in [
            "%ts.%03tu,%>a,%ru,%un,%mt",
            "%ts %>a %ru|%un",
            "%ts %>a \"%ru;%un\" %mt",
            "%ts %>a %{X-Forwarded-For}>h,%>Hs %ru",
            "%ts %>a %un,%Ss %ru",
        ] {
            let refused = SquidLayout::of("own", "own", forgeable).unwrap_err();
            assert!(
                matches!(refused, LayoutError::Forgeable(_)),
                "{forgeable}: {refused:?}"
            );
        }
        // Before what clients send, or around it, anything may stand.
        layout("%ts.%03tu,%>a,%un %ru");
        layout("%ts %>a,%>p,%Ss/%03>Hs [%un] %ru");
    }

    #[test]
    fn what_can_not_be_read_is_refused_with_a_word() {
        let refused = |text: &str| SquidLayout::of("own", "own", text).unwrap_err();
        assert_eq!(
            refused("%ts %>a %ru %zz"),
            LayoutError::UnknownCode("%zz".to_owned())
        );
        assert_eq!(
            refused("%ts%>a %ru"),
            LayoutError::Touching("%>a %ru".to_owned())
        );
        assert_eq!(refused("%{%H:%M}tl %>a %ru"), LayoutError::OwnTime);
        assert_eq!(refused("%ts %>a"), LayoutError::Missing("request (%ru)"));
        assert_eq!(
            refused("%>a %ru"),
            LayoutError::Missing("time (%ts or %tl)")
        );
    }
}
