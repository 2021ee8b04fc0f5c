//! Which lists and categories a name, URL or address meets.
