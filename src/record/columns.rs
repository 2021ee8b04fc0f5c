//! How a record declares its columns: name, type in the store, class for disclosure, nature.
//!
//! The [`record!`] macro makes the struct, its [`Table`] and the writer from one block, so that JSON,
//! CSV, RowBinary, the schema check and the gates of evidence all read the same declaration.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{AccountText, Mac, SourceId, Timestamp};

/// What kind of data a column is when somebody asks for it by law (IPA 2016 ss. 261 and 62).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Ours alone: where a row came from, what we made of it. Never disclosed as data about a person.
    Local,
    /// Who or what: a subscriber, a device, an account.
    Entity,
    /// That something happened, when, between whom, how much.
    Events,
    /// Part of an internet connection record: which service a device connected to.
    Icr,
    /// What was said or read: everything of a URL beyond the first slash, search terms, user agents.
    Content,
}

/// How we come to know a value; printed beside it in evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Taken over from the wire or the line as it stood.
    Captured,
    /// Computed from captured values by a fixed rule.
    Derived,
    /// Concluded; may be wrong, and says on what it rests elsewhere.
    Inferred,
}

/// One column of a table.
#[derive(Debug)]
pub struct Column {
    /// The name in the store.
    pub name: &'static str,
    /// The name in JSON, the same but for account names in clear.
    pub json_name: &'static str,
    /// The type in ClickHouse.
    pub store_type: &'static str,
    /// The class for disclosure.
    pub class: Class,
    /// Captured, derived or inferred.
    pub nature: Nature,
}

/// A table and its columns in order.
#[derive(Debug)]
pub struct Table {
    /// The name in the store.
    pub name: &'static str,
    /// The word that stands as `"record"` in JSON.
    pub kind: &'static str,
    /// The columns after `source_id`, `frame` and `ordinal`.
    pub columns: &'static [Column],
}

/// A type whose values are rows of one table.
pub trait Tabled {
    /// The table.
    const TABLE: &'static Table;
}

/// Something that is a row of a table.
pub trait Record {
    /// The table it is a row of.
    fn table(&self) -> &'static Table;
    /// Writes each column in the order of the table.
    fn write<E: Encoder>(&self, encoder: &mut E);
}

/// Where a row is written to: JSON, CSV, RowBinary.
pub trait Encoder {
    /// Called before each value. `empty` says that there is nothing to tell; the answer, whether the value shall be written.
    fn begin(&mut self, column: &'static Column, empty: bool) -> bool;
    /// A moment; zero is "not known".
    fn time(&mut self, value: Timestamp);
    /// An address; unspecified is "not known".
    fn ip(&mut self, value: IpAddr);
    /// The name of a source.
    fn source(&mut self, value: SourceId);
    /// A number of one byte.
    fn u8(&mut self, value: u8);
    /// A number of two bytes.
    fn u16(&mut self, value: u16);
    /// A number of four bytes.
    fn u32(&mut self, value: u32);
    /// A number of eight bytes.
    fn u64(&mut self, value: u64);
    /// A number with a fraction.
    fn f64(&mut self, value: f64);
    /// Yes or no.
    fn flag(&mut self, value: bool);
    /// A text.
    fn text(&mut self, value: &str);
    /// The name of an account or a mail address: in clear or as its token, as the encoder's place allows.
    fn account(&mut self, value: &AccountText);
    /// Sums by name.
    fn sums(&mut self, value: &BTreeMap<&'static str, u64>);
    /// An array of this many values follows.
    fn array(&mut self, len: usize);
    /// The array is complete.
    fn array_end(&mut self);
}

/// A Rust type that is a column type.
pub trait ColumnValue {
    /// The type in ClickHouse.
    const STORE_TYPE: &'static str;
    /// Writes the value.
    fn put<E: Encoder>(&self, encoder: &mut E);
    /// Whether there is nothing to tell: absent in JSON, the type's zero in the store.
    fn is_empty(&self) -> bool;
}

macro_rules! numbers {
    ($($rust:ty, $method:ident, $store:literal;)*) => {$(
        impl ColumnValue for $rust {
            const STORE_TYPE: &'static str = $store;
            fn put<E: Encoder>(&self, encoder: &mut E) { encoder.$method(*self); }
            fn is_empty(&self) -> bool { false }
        }
        impl ColumnValue for Option<$rust> {
            const STORE_TYPE: &'static str = $store;
            fn put<E: Encoder>(&self, encoder: &mut E) { encoder.$method(self.unwrap_or_default()); }
            fn is_empty(&self) -> bool { self.is_none() }
        }
        impl ColumnValue for Vec<$rust> {
            const STORE_TYPE: &'static str = concat!("Array(", $store, ")");
            fn put<E: Encoder>(&self, encoder: &mut E) {
                encoder.array(self.len());
                for value in self { encoder.$method(*value); }
                encoder.array_end();
            }
            fn is_empty(&self) -> bool { Vec::is_empty(self) }
        }
    )*};
}

numbers! {
    u8, u8, "UInt8";
    u16, u16, "UInt16";
    u32, u32, "UInt32";
    u64, u64, "UInt64";
    f64, f64, "Float64";
}

impl ColumnValue for bool {
    const STORE_TYPE: &'static str = "Bool";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.flag(*self);
    }
    fn is_empty(&self) -> bool {
        false
    }
}

impl ColumnValue for Option<bool> {
    const STORE_TYPE: &'static str = "Bool";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.flag(self.unwrap_or_default());
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl ColumnValue for Vec<&'static str> {
    const STORE_TYPE: &'static str = "Array(LowCardinality(String))";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.array(self.len());
        for word in self {
            encoder.text(word);
        }
        encoder.array_end();
    }
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

impl ColumnValue for Timestamp {
    const STORE_TYPE: &'static str = "DateTime64(6, 'UTC')";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.time(*self);
    }
    fn is_empty(&self) -> bool {
        false
    }
}

impl ColumnValue for Option<Timestamp> {
    const STORE_TYPE: &'static str = <Timestamp as ColumnValue>::STORE_TYPE;
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.time(self.unwrap_or_default());
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl ColumnValue for IpAddr {
    const STORE_TYPE: &'static str = "IPv6";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.ip(*self);
    }
    fn is_empty(&self) -> bool {
        false
    }
}

impl ColumnValue for SourceId {
    const STORE_TYPE: &'static str = "FixedString(16)";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.source(*self);
    }
    fn is_empty(&self) -> bool {
        false
    }
}

impl ColumnValue for Option<IpAddr> {
    const STORE_TYPE: &'static str = "IPv6";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.ip(self.unwrap_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)));
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl ColumnValue for Option<Mac> {
    const STORE_TYPE: &'static str = "String";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        match self {
            Some(mac) => encoder.text(mac.to_string().as_str()),
            None => encoder.text(""),
        }
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl ColumnValue for Cow<'_, str> {
    const STORE_TYPE: &'static str = "String";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.text(self);
    }
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl ColumnValue for String {
    const STORE_TYPE: &'static str = "String";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.text(self);
    }
    fn is_empty(&self) -> bool {
        String::is_empty(self)
    }
}

impl ColumnValue for &'static str {
    const STORE_TYPE: &'static str = "LowCardinality(String)";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.text(self);
    }
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl ColumnValue for Option<AccountText> {
    // Not LowCardinality: a region has more accounts than a part's dictionary has room for.
    const STORE_TYPE: &'static str = "String";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        match self {
            Some(account) => encoder.account(account),
            None => encoder.text(""),
        }
    }
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl ColumnValue for Vec<AccountText> {
    const STORE_TYPE: &'static str = "Array(String)";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.array(self.len());
        for account in self {
            encoder.account(account);
        }
        encoder.array_end();
    }
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

/// A text of which few different ones exist (a category, a host, a policy): kept once in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word<'a>(pub Cow<'a, str>);

impl<'a, T: Into<Cow<'a, str>>> From<T> for Word<'a> {
    fn from(text: T) -> Self {
        Word(text.into())
    }
}

impl ColumnValue for Word<'_> {
    const STORE_TYPE: &'static str = "LowCardinality(String)";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.text(&self.0);
    }
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ColumnValue for Vec<Word<'_>> {
    const STORE_TYPE: &'static str = "Array(LowCardinality(String))";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.array(self.len());
        for word in self {
            encoder.text(&word.0);
        }
        encoder.array_end();
    }
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

impl ColumnValue for Vec<String> {
    const STORE_TYPE: &'static str = "Array(String)";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.array(self.len());
        for text in self {
            encoder.text(text);
        }
        encoder.array_end();
    }
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

impl ColumnValue for BTreeMap<&'static str, u64> {
    const STORE_TYPE: &'static str = "Map(LowCardinality(String), UInt64)";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.sums(self);
    }
    fn is_empty(&self) -> bool {
        BTreeMap::is_empty(self)
    }
}

impl ColumnValue for Vec<IpAddr> {
    const STORE_TYPE: &'static str = "Array(IPv6)";
    fn put<E: Encoder>(&self, encoder: &mut E) {
        encoder.array(self.len());
        for ip in self {
            encoder.ip(*ip);
        }
        encoder.array_end();
    }
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

/// Declares a record: the struct, its table and its writer.
///
/// Each line is `field: Type, Class, Nature;`, with its doc comment. `field as "json_name": ...`
/// gives it another name in JSON. The field's name is the column's name.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $name:ident $(<$life:lifetime>)?, $table_name:literal, $kind:literal {
            $( $(#[$doc:meta])* $field:ident $(as $json:literal)? : $type:ty, $class:ident, $nature:ident; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name $(<$life>)? {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl $(<$life>)? $crate::record::Tabled for $name $(<$life>)? {
            const TABLE: &'static $crate::record::Table = &$crate::record::Table {
                name: $table_name,
                kind: $kind,
                columns: &[$(
                    $crate::record::Column {
                        name: stringify!($field),
                        json_name: $crate::record::columns::json_name(&[stringify!($field) $(, $json)?]),
                        store_type: <$type as $crate::record::ColumnValue>::STORE_TYPE,
                        class: $crate::record::Class::$class,
                        nature: $crate::record::Nature::$nature,
                    },
                )*],
            };
        }

        impl $(<$life>)? $crate::record::Record for $name $(<$life>)? {
            fn table(&self) -> &'static $crate::record::Table {
                <Self as $crate::record::Tabled>::TABLE
            }

            fn write<E: $crate::record::Encoder>(&self, encoder: &mut E) {
                let mut columns = <Self as $crate::record::Tabled>::TABLE.columns.iter();
                $(
                    if let Some(column) = columns.next()
                        && encoder.begin(column, $crate::record::ColumnValue::is_empty(&self.$field))
                    {
                        $crate::record::ColumnValue::put(&self.$field, encoder);
                    }
                )*
            }
        }
    };
}
pub(crate) use record;

/// The last of the names given: a helper of [`record!`], where the second name may be missing.
pub(crate) const fn json_name(names: &[&'static str]) -> &'static str {
    match names {
        [_, json] => json,
        [name, ..] => name,
        [] => "",
    }
}
