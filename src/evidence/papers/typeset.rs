//! Sets a paper as PDF with typst, from a template and data: what came from outside is data and never markup, no file
//! is read, no network asked, no clock looked at, and the same data gives the same bytes.
//!
//! The fonts are the compiler's own (Libertinus, DejaVu), and what is used of them is in the file. It is a tagged PDF of
//! the standard for accessibility, PDF/UA-1 (ISO 14289-1).

use std::sync::LazyLock;

use serde_json::Value;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World, WorldExt as _};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use super::super::EvidenceError;
use super::Set;

static FONTS: LazyLock<Vec<Font>> = LazyLock::new(|| {
    typst_assets::fonts()
        .flat_map(|bytes| Font::iter(Bytes::new(bytes)))
        .collect()
});

/// Sets the template, which finds the data as `data.json`. `made` is the moment that the paper says it was made at.
pub(crate) fn set(template: &str, data: &Value, made: &str) -> Result<Set, EvidenceError> {
    let json = serde_json::to_vec(data).map_err(|_| EvidenceError::Shape)?;
    let desk = Desk::new(template, json)?;
    let document = typst::compile::<PagedDocument>(&desk)
        .output
        .map_err(|wrong| failed(&desk, &wrong))?;
    let options = PdfOptions {
        ident: Smart::Custom(made.to_owned()),
        standards: PdfStandards::new(&[PdfStandard::Ua_1])
            .map_err(|_| EvidenceError::Setting(String::new()))?,
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&document, &options).map_err(|wrong| failed(&desk, &wrong))?;
    let pages = document.pages().len();
    // What the compiler remembers of this paper holds the data of people.
    typst::comemo::evict(0);
    Ok(Set { bytes, pages })
}

/// What was wrong with it, and where in the template: its fault and never the data's, whose words are not quoted.
fn failed(desk: &Desk, wrong: &[SourceDiagnostic]) -> EvidenceError {
    let Some(first) = wrong.first() else {
        return EvidenceError::Setting("for no reason that was given".to_owned());
    };
    let place = desk.range(first.span);
    let line = place.and_then(|place| desk.main.lines().byte_to_line(place.start));
    let line = line.map_or(0, |line| line + 1);
    EvidenceError::Setting(format!("line {line}: {}", first.message))
}

/// All that the compiler may see.
struct Desk {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    main: Source,
    data: (FileId, Bytes),
}

impl Desk {
    fn new(template: &str, data: Vec<u8>) -> Result<Self, EvidenceError> {
        let name = |name: &str| match VirtualPath::new(name) {
            Ok(path) => Ok(RootedPath::new(VirtualRoot::Project, path).intern()),
            Err(_) => Err(EvidenceError::Shape),
        };
        Ok(Desk {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(FONTS.iter())),
            main: Source::new(name("paper.typ")?, template.to_owned()),
            data: (name("data.json")?, Bytes::new(data)),
        })
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() {
            Ok(self.main.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.data.0 {
            Ok(self.data.1.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.get(index).cloned()
    }

    /// There is no today: the same package is the same paper on every day.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
