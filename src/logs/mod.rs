//! Lines into events: framing, fields, likeness, formats, registers.
