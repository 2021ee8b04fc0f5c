//! Addresses of networks and network cards, and how the store keeps them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address as the store keeps it: IPv6, with IPv4 mapped (RFC 4291, 2.5.5.2).
pub fn to_store_ip(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// An address as people write it: an IPv4 address that was mapped comes back as IPv4.
pub fn from_store_ip(ip: Ipv6Addr) -> IpAddr {
    ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
}

/// The address of a network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Reads twelve hexadecimal digits in any of the usual spellings: `aa:bb:..`, `AA-BB-..`, `aabb.ccdd.eeff`, bare.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0u8; 6];
        let mut digits = 0usize;
        for byte in text.bytes() {
            let digit = match byte {
                b':' | b'-' | b'.' => continue,
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => return None,
            };
            let place = bytes.get_mut(digits / 2)?;
            *place = *place << 4 | digit;
            digits += 1;
        }
        (digits == 12).then_some(Mac(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each row of a lease has one, so it is made without the machinery of printing.
        let mut text = *b"00:00:00:00:00:00";
        for (digits, byte) in text.chunks_mut(3).zip(self.0) {
            for (digit, nibble) in digits.iter_mut().zip([byte >> 4, byte & 0x0f]) {
                *digit = match nibble {
                    0..=9 => b'0' + nibble,
                    _ => b'a' + nibble - 10,
                };
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// A network: an address and how many of its leading bits count. Kept as IPv6, so an IPv4 /24 is a /120 inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: u128,
    bits: u8,
}

impl Network {
    /// Reads `10.1.0.0/16`, `2001:db8::/32` or a single address; `None` also when bits beyond the mask are set.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let ip: IpAddr = address.trim().parse().ok()?;
        let (width, offset) = if ip.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return None;
        }
        let bits = bits + offset;
        let first = u128::from(to_store_ip(ip));
        (first & Self::mask(bits) == first).then_some(Network { first, bits })
    }

    /// Whether the address lies in this network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        u128::from(to_store_ip(ip)) & Self::mask(self.bits) == self.first
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        from_store_ip(Ipv6Addr::from(self.first))
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        from_store_ip(Ipv6Addr::from(self.first | !Self::mask(self.bits)))
    }

    /// How many leading bits count, of 128.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    fn mask(bits: u8) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first() {
            IpAddr::V4(v4) if self.bits >= 96 => write!(f, "{v4}/{}", self.bits - 96),
            ip => write!(f, "{ip}/{}", self.bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_read_in_every_spelling() {
        for text in [
            "00:1a:2B:3c:4d:5e",
            "00-1A-2B-3C-4D-5E",
            "001a.2b3c.4d5e",
            "001A2B3C4D5E",
        ] {
            assert_eq!(Mac::parse(text).unwrap().to_string(), "00:1a:2b:3c:4d:5e");
        }
        assert_eq!(Mac::parse("00:1a:2b:3c:4d"), None);
        assert_eq!(Mac::parse("00:1a:2b:3c:4d:5e:6f"), None);
    }

    #[test]
    fn a_network_knows_its_members_and_refuses_stray_bits() {
        let network = Network::parse("10.1.16.0/20").unwrap();
        assert!(network.contains("10.1.31.255".parse().unwrap()));
        assert!(!network.contains("10.1.32.0".parse().unwrap()));
        assert_eq!(network.to_string(), "10.1.16.0/20");
        assert_eq!(network.last().to_string(), "10.1.31.255");
        assert_eq!(Network::parse("10.1.16.1/20"), None);
        assert_eq!(Network::parse("10.1.16.0/33"), None);
        assert!(
            Network::parse("::/0")
                .unwrap()
                .contains("10.0.0.1".parse().unwrap())
        );
    }
}
