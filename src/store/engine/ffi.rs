//! The C functions of the engine's library, behind types that can not be misused: the only file of the store with `unsafe`.
//!
//! A [`Library`] is loaded once and never unloaded, as it starts threads of its own. A [`Connection`]
//! belongs to one thread at a time and closes itself; results and inserts free themselves.

#![allow(
    unsafe_code,
    reason = "the engine is a C library that is loaded at run time; nothing else in the store needs unsafe"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use super::EngineError;

/// The functions of the engine that we use.
pub(super) struct Library {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut RawConnection,
    close: unsafe extern "C" fn(*mut RawConnection),
    signal_handlers: unsafe extern "C" fn(c_int),
    version: unsafe extern "C" fn() -> *const c_char,
    query: QueryWithParams,
    stream_insert: unsafe extern "C" fn(RawConnection, Text, usize, Text, usize) -> RawInsert,
    stream_append: unsafe extern "C" fn(RawInsert, *const c_void, usize) -> c_int,
    stream_done: unsafe extern "C" fn(RawInsert) -> RawResult,
    stream_cancel_insert: unsafe extern "C" fn(RawInsert),
    stream_insert_error: unsafe extern "C" fn(RawInsert) -> *const c_char,
    destroy_insert: unsafe extern "C" fn(RawInsert),
    result_buffer: unsafe extern "C" fn(RawResult) -> *const u8,
    result_length: unsafe extern "C" fn(RawResult) -> usize,
    result_error: unsafe extern "C" fn(RawResult) -> *const c_char,
    result_rows: Figure,
    result_bytes: Figure,
    written_rows: Figure,
    written_bytes: Figure,
    read_rows: Figure,
    read_bytes: Figure,
    elapsed: unsafe extern "C" fn(RawResult) -> f64,
    destroy_result: unsafe extern "C" fn(RawResult),
}

type RawConnection = *mut c_void;
type RawResult = *mut c_void;
type RawInsert = *mut c_void;
type Text = *const u8;
type Figure = unsafe extern "C" fn(RawResult) -> u64;
type QueryWithParams = unsafe extern "C" fn(
    RawConnection,
    Text,
    usize,
    Text,
    usize,
    *const Text,
    *const usize,
    *const Text,
    *const usize,
    usize,
) -> RawResult;

static LIBRARY: OnceLock<Library> = OnceLock::new();

impl Library {
    /// Loads the library, once a process. A second call answers with the first, whatever path it names.
    pub(super) fn load(path: &Path) -> Result<&'static Library, EngineError> {
        if let Some(library) = LIBRARY.get() {
            return Ok(library);
        }
        let library = Self::symbols(path).map_err(|error| EngineError::NotLoadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        // SAFETY: the function takes one integer and only sets a flag of the library.
        unsafe { (library.signal_handlers)(0) };
        Ok(LIBRARY.get_or_init(|| library))
    }

    fn symbols(path: &Path) -> Result<Library, libloading::Error> {
        // SAFETY: loading runs the library's initialisers; the file is the engine that the operator
        // installed and whose digest was checked then. Each symbol has the signature that the
        // library's header declares. The handle is leaked, so the pointers stay good.
        unsafe {
            let handle = std::mem::ManuallyDrop::new(libloading::Library::new(path)?);
            Ok(Library {
                connect: *handle.get(b"chdb_connect")?,
                close: *handle.get(b"chdb_close_conn")?,
                signal_handlers: *handle.get(b"chdb_set_signal_handlers_enabled")?,
                version: *handle.get(b"chdb_version")?,
                query: *handle.get(b"chdb_query_with_params_n")?,
                stream_insert: *handle.get(b"chdb_stream_insert_n")?,
                stream_append: *handle.get(b"chdb_stream_append")?,
                stream_done: *handle.get(b"chdb_stream_done")?,
                stream_cancel_insert: *handle.get(b"chdb_stream_cancel_insert")?,
                stream_insert_error: *handle.get(b"chdb_stream_insert_error")?,
                destroy_insert: *handle.get(b"chdb_destroy_insert_stream")?,
                result_buffer: *handle.get(b"chdb_result_buffer")?,
                result_length: *handle.get(b"chdb_result_length")?,
                result_error: *handle.get(b"chdb_result_error")?,
                result_rows: *handle.get(b"chdb_result_rows_read")?,
                result_bytes: *handle.get(b"chdb_result_bytes_read")?,
                written_rows: *handle.get(b"chdb_result_rows_written")?,
                written_bytes: *handle.get(b"chdb_result_bytes_written")?,
                read_rows: *handle.get(b"chdb_result_storage_rows_read")?,
                read_bytes: *handle.get(b"chdb_result_storage_bytes_read")?,
                elapsed: *handle.get(b"chdb_result_elapsed")?,
                destroy_result: *handle.get(b"chdb_destroy_query_result")?,
            })
        }
    }

    /// The engine's version, such as `26.7.3`.
    pub(super) fn version(&self) -> String {
        // SAFETY: the function answers with a text that lives as long as the library.
        unsafe { text((self.version)()) }.unwrap_or_default()
    }

    /// Opens a connection. The first one starts the engine, with these arguments; later ones must name the same folder.
    pub(super) fn connect(&'static self, args: &[String]) -> Option<Connection> {
        let args: Vec<CString> = std::iter::once("clickhouse")
            .chain(args.iter().map(String::as_str))
            .map(CString::new)
            .collect::<Result<_, _>>()
            .ok()?;
        let mut pointers: Vec<*mut c_char> =
            args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).ok()?;
        // SAFETY: the pointers are to texts that outlive the call; the library copies them and does
        // not write to them.
        let handle = unsafe { (self.connect)(count, pointers.as_mut_ptr()) };
        // SAFETY: a handle that is not null points to a connection, which is null if it was refused.
        if handle.is_null() || unsafe { (*handle).is_null() } {
            return None;
        }
        Some(Connection {
            library: self,
            handle,
        })
    }
}

/// One connection: one statement at a time.
pub(super) struct Connection {
    library: &'static Library,
    handle: *mut RawConnection,
}

// SAFETY: the engine binds nothing of a connection to the thread that opened it; it must only not be
// used by two at once, which `&mut self` everywhere prevents.
unsafe impl Send for Connection {}

impl Connection {
    /// Runs a statement and waits for the whole answer.
    pub(super) fn query(
        &mut self,
        sql: &str,
        format: &str,
        params: &[(String, String)],
    ) -> Result<Answer, EngineError> {
        Answer::checked(self.library, self.statement(sql, format, params))
    }

    /// Starts an insert whose rows follow in pieces.
    pub(super) fn insert(
        &mut self,
        sql: &str,
        format: &str,
    ) -> Result<InsertStream<'_>, EngineError> {
        // SAFETY: the connection is open and not in use; the texts outlive the call, which copies them.
        let handle = unsafe {
            (self.library.stream_insert)(
                *self.handle,
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
            )
        };
        if handle.is_null() {
            return Err(EngineError::Silent);
        }
        let stream = InsertStream {
            connection: self,
            handle,
            done: false,
        };
        match stream.error() {
            Some(text) => Err(EngineError::said(text)),
            None => Ok(stream),
        }
    }

    fn statement(&mut self, sql: &str, format: &str, params: &[(String, String)]) -> RawResult {
        let names: Vec<Text> = params.iter().map(|(name, _)| name.as_ptr()).collect();
        let name_lens: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<Text> = params.iter().map(|(_, value)| value.as_ptr()).collect();
        let value_lens: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: the connection is open and not in use; each text goes with its length, the four
        // arrays have as many entries as is said, and all outlive the call, which copies what it keeps.
        unsafe {
            (self.library.query)(
                *self.handle,
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
                names.as_ptr(),
                name_lens.as_ptr(),
                values.as_ptr(),
                value_lens.as_ptr(),
                params.len(),
            )
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the handle came from `connect` and is closed once; streams borrow the connection
        // and are gone.
        unsafe { (self.library.close)(self.handle) }
    }
}

/// What the engine says of a statement that it ran.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) read_rows: u64,
    pub(super) read_bytes: u64,
    pub(super) written_rows: u64,
    pub(super) written_bytes: u64,
    pub(super) result_rows: u64,
    pub(super) result_bytes: u64,
    pub(super) elapsed: Duration,
}

/// What the engine answered: bytes of the format that was asked for.
pub(super) struct Answer {
    library: &'static Library,
    handle: RawResult,
}

impl Answer {
    fn checked(library: &'static Library, handle: RawResult) -> Result<Answer, EngineError> {
        if handle.is_null() {
            return Err(EngineError::Silent);
        }
        let answer = Answer { library, handle };
        // SAFETY: the handle is a result that has not been destroyed; its error lives as long.
        match unsafe { text((library.result_error)(handle)) } {
            Some(error) => Err(EngineError::said(error)),
            None => Ok(answer),
        }
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: buffer and length are of one result, which owns the bytes until it is destroyed.
        unsafe {
            let start = (self.library.result_buffer)(self.handle);
            let len = (self.library.result_length)(self.handle);
            if start.is_null() || len == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(start, len)
            }
        }
    }

    /// What the engine says it did.
    pub(super) fn figures(&self) -> Figures {
        let library = self.library;
        // SAFETY: the handle is a result that has not been destroyed; each function only reads it.
        let (of, elapsed) = unsafe {
            let of = |figure: Figure| figure(self.handle);
            (
                [
                    of(library.read_rows),
                    of(library.read_bytes),
                    of(library.written_rows),
                    of(library.written_bytes),
                    of(library.result_rows),
                    of(library.result_bytes),
                ],
                (library.elapsed)(self.handle),
            )
        };
        let [
            read_rows,
            read_bytes,
            written_rows,
            written_bytes,
            result_rows,
            result_bytes,
        ] = of;
        Figures {
            read_rows,
            read_bytes,
            written_rows,
            written_bytes,
            result_rows,
            result_bytes,
            elapsed: Duration::try_from_secs_f64(elapsed).unwrap_or_default(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the handle is a result that has not been destroyed; nothing borrows from it any more.
        unsafe { (self.library.destroy_result)(self.handle) }
    }
}

/// An insert that is being fed.
pub(super) struct InsertStream<'c> {
    connection: &'c mut Connection,
    handle: RawInsert,
    done: bool,
}

impl InsertStream<'_> {
    /// Hands over the next bytes, wherever they are cut; waits while the engine has no room.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        let library = self.connection.library;
        // SAFETY: the stream is open; pointer and length are of one slice, which the call copies.
        let state =
            unsafe { (library.stream_append)(self.handle, bytes.as_ptr().cast(), bytes.len()) };
        if state == 0 {
            return Ok(());
        }
        Err(self.error().map_or(EngineError::Silent, EngineError::said))
    }

    /// Says that all rows were handed over, and waits until they are stored.
    pub(super) fn finish(mut self) -> Result<Figures, EngineError> {
        self.done = true;
        let library = self.connection.library;
        // SAFETY: the stream is open; it is destroyed later, in `drop`.
        let answer = unsafe { (library.stream_done)(self.handle) };
        if answer.is_null() {
            return Err(self.error().map_or(EngineError::Silent, EngineError::said));
        }
        Answer::checked(library, answer).map(|answer| answer.figures())
    }

    fn error(&self) -> Option<String> {
        // SAFETY: the stream has not been destroyed; its error lives as long.
        unsafe { text((self.connection.library.stream_insert_error)(self.handle)) }
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        let library = self.connection.library;
        // SAFETY: the stream is cancelled if it was not finished, and destroyed once on every path.
        unsafe {
            if !self.done {
                (library.stream_cancel_insert)(self.handle);
            }
            (library.destroy_insert)(self.handle);
        }
    }
}

/// A C text as ours; none if it is null or empty.
///
/// # Safety
/// The pointer is null or points to a text that ends with a zero byte and lives during the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the caller answers for it.
    let text = unsafe { CStr::from_ptr(pointer) };
    (!text.is_empty()).then(|| text.to_string_lossy().into_owned())
}
