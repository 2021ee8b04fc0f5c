//! NTLM's last message (MS-NLMP, 2.2.1.3): who claims to sign in, in which domain, whatever carries it.

use crate::flow::bytes::Bytes;

/// What each message begins with.
const LETTERS: &[u8] = b"NTLMSSP\0";
/// The kind of message that names the user.
const AUTHENTICATE: u32 = 3;
/// Bit of the flags: texts are UTF-16.
const UNICODE: u8 = 1;

/// Domain and user out of the first such message in these bytes.
pub(super) fn who(bytes: &[u8]) -> Option<(String, String)> {
    let at = memchr::memmem::find(bytes, LETTERS)?;
    let message = bytes.get(at..)?;
    let mut reader = Bytes::new(message);
    reader.skip(LETTERS.len())?;
    if reader.be32()?.swap_bytes() != AUTHENTICATE {
        return None;
    }
    // The two answers to the challenge, then domain, user, workstation, key, flags.
    reader.skip(16)?;
    let domain = field(message, &mut reader)?;
    let user = field(message, &mut reader)?;
    reader.skip(16)?;
    let is_wide = reader.u8()? & UNICODE != 0;
    Some((text(domain, is_wide), text(user, is_wide)))
}

/// The bytes that a length, a room and an offset point to.
fn field<'a>(message: &'a [u8], reader: &mut Bytes<'_>) -> Option<&'a [u8]> {
    let length = usize::from(reader.be16()?.swap_bytes());
    reader.skip(2)?;
    let at = usize::try_from(reader.be32()?.swap_bytes()).ok()?;
    message.get(at..)?.get(..length)
}

fn text(bytes: &[u8], is_wide: bool) -> String {
    if !is_wide {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let units = bytes
        .chunks_exact(2)
        .filter_map(|pair| pair.first_chunk().copied().map(u16::from_le_bytes));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
