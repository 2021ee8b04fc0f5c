//! What programs say to each other, as far as somebody on the way can read it: greetings of TLS, questions for names.

use super::super::random::Random;

/// So many bytes of chance.
pub(in crate::simulate) fn chance(random: &mut Random, number: usize) -> Vec<u8> {
    (0..number)
        .map(|_| u8::try_from(random.next() >> 56).unwrap_or(0))
        .collect()
}

/// So many letters and digits of base 32, of chance.
pub(in crate::simulate) fn letters(random: &mut Random, number: usize) -> String {
    (0..number)
        .filter_map(|_| random.one_of(b"abcdefghijklmnopqrstuvwxyz234567"))
        .map(|letter| char::from(*letter))
        .collect()
}

/// A client's hello (RFC 8446, 4.1.2; RFC 5246 where `is_new` is false), with a server's name or without.
pub(in crate::simulate) fn client_hello(
    random: &mut Random,
    name: Option<&str>,
    is_new: bool,
) -> Vec<u8> {
    let mut more: Vec<u8> = Vec::new();
    if let Some(name) = name {
        let host = [&[0], counted16(name.as_bytes()).as_slice()].concat();
        extension(&mut more, 0, &counted16(&host));
    }
    extension(&mut more, 10, &counted16(&[0, 0x1d, 0, 0x17]));
    extension(&mut more, 13, &counted16(&[4, 3, 8, 4, 4, 1]));
    if is_new {
        extension(&mut more, 43, &[2, 3, 4]);
        let share = [&[0, 0x1d, 0, 32], chance(random, 32).as_slice()].concat();
        extension(&mut more, 51, &counted16(&share));
    }
    let suites: &[u8] = match is_new {
        true => &[0x13, 1, 0x13, 2, 0xc0, 0x2f],
        false => &[0xc0, 0x2b, 0xc0, 0x2f, 0, 0x35],
    };
    let body = [
        &[3, 3],
        chance(random, 32).as_slice(),
        &[0],
        &counted16(suites),
        &[1, 0],
        &counted16(&more),
    ]
    .concat();
    record(22, &handshake(1, &body))
}

/// A server's hello of TLS 1.3, after which nothing can be read.
pub(in crate::simulate) fn server_hello(random: &mut Random) -> Vec<u8> {
    let mut more = Vec::new();
    extension(&mut more, 43, &[3, 4]);
    let share = [&[0, 0x1d, 0, 32], chance(random, 32).as_slice()].concat();
    extension(&mut more, 51, &share);
    let body = [
        &[3, 3],
        chance(random, 32).as_slice(),
        &[0, 0x13, 1, 0],
        &counted16(&more),
    ]
    .concat();
    [record(22, &handshake(2, &body)), sealed(random, 900)].concat()
}

/// A server's hello of TLS 1.2 with a certificate of which only the names of its issuer and its bearer matter.
pub(in crate::simulate) fn with_certificate(
    random: &mut Random,
    issuer: &str,
    bearer: &str,
) -> Vec<u8> {
    let hello = [&[3, 3], chance(random, 32).as_slice(), &[0, 0xc0, 0x2f, 0]].concat();
    let name = |name: &str| {
        let text = [&[0x0c, length8(name.len())], name.as_bytes()].concat();
        der(
            0x30,
            &der(
                0x31,
                &der(0x30, &[&[6, 3, 0x55, 4, 3], text.as_slice()].concat()),
            ),
        )
    };
    let key = chance(random, 120);
    let certificate = der(0x30, &[name(issuer), name(bearer), der(3, &key)].concat());
    let list = counted24(&counted24(&certificate));
    [
        record(22, &handshake(2, &hello)),
        record(22, &handshake(11, &list)),
        record(22, &handshake(14, &[])),
    ]
    .concat()
}

/// A record of TLS that nobody on the way can read.
pub(in crate::simulate) fn sealed(random: &mut Random, number: usize) -> Vec<u8> {
    record(23, &chance(random, number))
}

/// A question for the address of a name (RFC 1035, 4.1), and with `answered` the answer that there is none.
pub(in crate::simulate) fn question(number: u16, name: &str, answered: bool) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    message.extend(if answered { [0x81, 0x83] } else { [1, 0] });
    message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(length8(label.len()));
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], counted16(body).as_slice()].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], counted24(body).as_slice()].concat()
}

fn extension(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend(counted16(body));
}

fn counted16(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), body].concat()
}

fn counted24(body: &[u8]) -> Vec<u8> {
    [&[0], counted16(body).as_slice()].concat()
}

/// A value of DER with its tag.
fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    match body.len() {
        0..128 => [&[tag, length8(body.len())], body].concat(),
        _ => [&[tag, 0x82], counted16(body).as_slice()].concat(),
    }
}

fn length8(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}
