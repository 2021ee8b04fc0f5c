//! A filter in libpcap's language that is applied here and not by the kernel, so that what it takes out is counted.

use pcap::{BpfProgram, Capture, Linktype};

use super::CaptureError;

/// A filter for frames of one link type.
pub struct Filter(BpfProgram);

impl Filter {
    /// Compiles it.
    pub fn new(text: &str, link_type: u16) -> Result<Filter, CaptureError> {
        let failed = |source| CaptureError::Filter {
            filter: text.to_owned(),
            source,
        };
        // libpcap calls raw IP by another number than files do.
        let link_type = if link_type == 101 { 12 } else { link_type };
        let compiler = Capture::dead(Linktype(i32::from(link_type))).map_err(failed)?;
        Ok(Filter(compiler.compile(text, true).map_err(failed)?))
    }

    /// Whether a frame passes. Lengths are those of the bytes that were kept.
    #[inline]
    pub fn passes(&self, frame: &[u8]) -> bool {
        self.0.filter(frame)
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethernet, IPv4, UDP to this port.
    fn frame(port: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend([192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39]);
        frame.extend(port.to_be_bytes());
        frame.extend([0, 8, 0, 0]);
        frame
    }

    #[test]
    fn a_filter_lets_pass_what_it_says() {
        let filter = Filter::new("not port 53", 1).unwrap();
        assert!(filter.passes(&frame(443)));
        assert!(!filter.passes(&frame(53)));
    }

    #[test]
    fn what_is_no_filter_is_named() {
        let refused = Filter::new("prot 53", 1).unwrap_err().to_string();
        assert_eq!(refused, "cannot use the capture filter \"prot 53\"");
    }
}
