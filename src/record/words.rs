//! Fixed vocabularies: an enum whose variants have one spelling, the same in JSON, CSV and the store.

/// Declares an enum of words, its spelling, its parsing and its place in a column.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal, )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$doc])* $variant, )* }

        impl $name {
            /// Every word, in the order of its declaration.
            pub const ALL: &'static [$name] = &[$( $name::$variant, )*];

            /// The one spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }

            /// The word with this spelling.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::record::ColumnValue for $name {
            const STORE_TYPE: &'static str = "LowCardinality(String)";
            fn put<E: $crate::record::Encoder>(&self, encoder: &mut E) { encoder.text(self.as_str()); }
            fn is_empty(&self) -> bool { false }
        }

        impl $crate::record::ColumnValue for Option<$name> {
            const STORE_TYPE: &'static str = "LowCardinality(String)";
            fn put<E: $crate::record::Encoder>(&self, encoder: &mut E) {
                encoder.text(self.map_or("", $name::as_str));
            }
            fn is_empty(&self) -> bool { self.is_none() }
        }
    };
}
pub(crate) use words;
