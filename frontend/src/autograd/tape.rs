//! What ops and calls tell the open tapes.

pub(crate) use super::record::{is_recording, is_watching, note, note_custom, note_read};
