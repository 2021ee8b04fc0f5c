//! A bar on standard error while a file is read: on a terminal only, and never with `--quiet`.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::pipeline::input::{InputError, InputName, Opened};

use crate::pipeline::output::printable_line;

use super::context::Context;

/// A bar that is taken away when it is dropped.
#[derive(Debug)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// For reading this input; nothing is shown where nobody looks.
    pub(super) fn of(context: &Context, name: &InputName) -> Self {
        if context.quiet || !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let bar = name
            .size()
            .map_or_else(ProgressBar::no_length, ProgressBar::new);
        let template = if bar.length().is_some() {
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
        } else {
            "{msg} {bytes} {bytes_per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(printable_line(&name.to_string()));
        Progress(Some(bar))
    }

    /// Opens the input; what is read of it moves the bar.
    pub(super) fn open(&self, name: &InputName) -> Result<Opened, InputError> {
        match self.0.clone() {
            None => name.open(),
            Some(bar) => name.open_watched(Box::new(move |bytes| bar.inc(bytes))),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
