//! What a statement of a guest who may work can do in the workbench, and nowhere else.
//!
//! The parser's tree does not show all of a definition (`ON CLUSTER`, `CLONE AS`, `AS another_table`), so the
//! beginning of what the parser wrote back must also be, word for word, one of the few that are known here.

use super::names::is_function;
use super::syntax::Node;
use super::{Content, Refused, Seen, judged_question};

/// The database of those who may work.
pub(in crate::store) const WORKBENCH: &str = "workbench";

/// What a statement of a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Meaning {
    /// A question.
    Ask,
    /// A table, a view or rows of the workbench are made or go.
    Change,
    /// A temporary table is made, filled or goes.
    Temporary,
}

/// Judges what is no question. `database` is where bare names are looked up.
pub(super) fn judge<'a>(
    canonical: &str,
    nodes: &[Node<'a>],
    database: &str,
    seen: &mut Seen<'a>,
) -> Result<Meaning, Refused> {
    let root = nodes.first().ok_or(Refused::Unclear)?;
    match root.kind {
        "CreateQuery" => {
            let (form, target, rest) = form_of(canonical, CREATES)?;
            let meaning = place(form, target, database)?;
            match form.what {
                What::View if rest.starts_with("AS ") => view(canonical, nodes, seen)?,
                What::Table if rest.starts_with('(') || rest.starts_with("ENGINE = ") => {
                    table(canonical, nodes, meaning, seen)?;
                }
                _ => return Err(Refused::Part("this kind of definition")),
            }
            Ok(meaning)
        }
        "DropQuery" | "TruncateQuery" => {
            let (form, target, rest) = form_of(canonical, ENDS)?;
            match rest {
                "" | "SYNC" => place(form, target, database),
                _ => Err(Refused::Part("more than a name")),
            }
        }
        "InsertQuery" => {
            let (form, target, rest) = form_of(canonical, INSERTS)?;
            let known = ["(", "SELECT ", "WITH ", "FORMAT "];
            if !known.iter().any(|word| rest.starts_with(word)) {
                return Err(Refused::Part("this kind of insert"));
            }
            insert(canonical, nodes, seen)?;
            place(form, target, database)
        }
        kind => Err(Refused::Kind(kind.to_owned())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Table,
    View,
    Rows,
}

#[derive(Clone, Copy)]
struct Form {
    begins: &'static str,
    what: What,
    temporary: bool,
}

const fn form(begins: &'static str, what: What) -> Form {
    Form {
        begins,
        what,
        temporary: false,
    }
}

const fn temporary(begins: &'static str) -> Form {
    Form {
        begins,
        what: What::Table,
        temporary: true,
    }
}

/// A name, with its database if it says one.
type Target<'t> = (Option<&'t str>, &'t str);

/// The longer before the shorter.
const CREATES: &[Form] = &[
    temporary("CREATE TEMPORARY TABLE IF NOT EXISTS "),
    temporary("CREATE TEMPORARY TABLE "),
    form("CREATE TABLE IF NOT EXISTS ", What::Table),
    form("CREATE OR REPLACE TABLE ", What::Table),
    form("CREATE TABLE ", What::Table),
    form("CREATE OR REPLACE VIEW ", What::View),
    form("CREATE VIEW IF NOT EXISTS ", What::View),
    form("CREATE VIEW ", What::View),
];

const ENDS: &[Form] = &[
    temporary("DROP TEMPORARY TABLE IF EXISTS "),
    temporary("DROP TEMPORARY TABLE "),
    form("DROP TABLE IF EXISTS ", What::Table),
    form("DROP TABLE ", What::Table),
    form("DROP VIEW IF EXISTS ", What::View),
    form("DROP VIEW ", What::View),
    form("TRUNCATE TABLE IF EXISTS ", What::Table),
    form("TRUNCATE TABLE ", What::Table),
];

const INSERTS: &[Form] = &[form("INSERT INTO ", What::Rows)];

/// Where a statement begins as one of these: what it is, the name that follows, and the rest.
fn form_of<'t>(
    canonical: &'t str,
    forms: &'static [Form],
) -> Result<(Form, Target<'t>, &'t str), Refused> {
    let found = forms
        .iter()
        .find_map(|form| Some((*form, canonical.strip_prefix(form.begins)?)));
    let (form, rest) = found.ok_or(Refused::Part("this kind of statement"))?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (database, table) = match name.split_once('.') {
        Some((database, table)) => (Some(database), table),
        None => (None, name),
    };
    if !is_plain(table) || database.is_some_and(|name| !is_plain(name)) {
        return Err(Refused::Part(
            "a name of other than letters, digits and underscores",
        ));
    }
    Ok((form, (database, table), rest))
}

/// The workbench, or a temporary table, which has no database.
fn place(form: Form, (database, table): Target<'_>, current: &str) -> Result<Meaning, Refused> {
    match (form.temporary, database) {
        (true, None) => Ok(Meaning::Temporary),
        (false, None) if current == WORKBENCH => Ok(Meaning::Change),
        (false, Some(WORKBENCH)) => Ok(Meaning::Change),
        _ => Err(Refused::NotTheWorkbench(table.to_owned())),
    }
}

fn is_plain(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(letter)
}

/// The definition of a table lies beside it as a text: no text of anybody may stand in it.
fn table<'a>(
    canonical: &str,
    nodes: &[Node<'a>],
    meaning: Meaning,
    seen: &mut Seen<'a>,
) -> Result<(), Refused> {
    let mut has_engine = meaning == Meaning::Temporary;
    for (at, node) in parts_of_root(nodes) {
        match node.kind {
            "Identifier" => {}
            "Columns" => columns(&below(nodes, at))?,
            "Storage" => {
                storage(&below(nodes, at))?;
                has_engine = true;
            }
            "SelectWithUnionQuery" => {
                judged_question(canonical, &below(nodes, at), Content::Masked, seen)?
            }
            "Function" => return Err(Refused::Function(node.name.to_owned())),
            _ => return Err(Refused::Part("this kind of definition")),
        }
    }
    match has_engine {
        true => Ok(()),
        false => Err(Refused::Part("no ENGINE")),
    }
}

/// The definition of a view lies beside the tables as a text.
fn view<'a>(canonical: &str, nodes: &[Node<'a>], seen: &mut Seen<'a>) -> Result<(), Refused> {
    for (at, node) in parts_of_root(nodes) {
        match node.kind {
            "Identifier" => {}
            "SelectWithUnionQuery" => {
                let question = below(nodes, at);
                question.iter().try_for_each(no_text)?;
                judged_question(canonical, &question, Content::Masked, seen)?;
            }
            _ => return Err(Refused::Part("this kind of definition")),
        }
    }
    Ok(())
}

fn insert<'a>(canonical: &str, nodes: &[Node<'a>], seen: &mut Seen<'a>) -> Result<(), Refused> {
    for (at, node) in parts_of_root(nodes) {
        match node.kind {
            "Identifier" => {}
            "ExpressionList" => {
                let names = below(nodes, at);
                let plain = |node: &Node<'_>| matches!(node.kind, "Identifier" | "ExpressionList");
                if !names.iter().all(plain) {
                    return Err(Refused::Part("columns that are not named"));
                }
            }
            "SelectWithUnionQuery" => {
                judged_question(canonical, &below(nodes, at), Content::Masked, seen)?
            }
            "Function" => return Err(Refused::Function(node.name.to_owned())),
            "Set" => return Err(Refused::Part("SETTINGS within it")),
            "Literal" => return Err(Refused::Part("FROM INFILE")),
            _ => return Err(Refused::Part("this kind of insert")),
        }
    }
    Ok(())
}

fn columns(nodes: &[Node<'_>]) -> Result<(), Refused> {
    for node in nodes {
        let parent = node.parent.and_then(|at| nodes.get(at));
        match node.kind {
            "Columns" | "ExpressionList" | "ColumnDeclaration" | "DataType" | "TupleDataType"
            | "NameTypePair" | "Identifier" | "Index" => {}
            "Literal" if is_of_a_type(node, nodes) => {}
            "Literal" => no_text(node)?,
            "Function" if parent.is_some_and(|parent| parent.kind == "Index") => {
                one_of(node.name, INDICES)?;
            }
            "Function" if node.name == "CODEC" || is_in_codec(node, nodes) => {
                one_of(node.name, CODECS)?;
            }
            "Function" if is_function(node.name) => {}
            "Function" => return Err(Refused::Function(node.name.to_owned())),
            _ => return Err(Refused::Part("this kind of column")),
        }
    }
    Ok(())
}

fn storage(nodes: &[Node<'_>]) -> Result<(), Refused> {
    let mut engines = 0;
    for node in nodes {
        match node.kind {
            "Function" if node.parent == Some(0) && engines == 0 => {
                engines += 1;
                one_of(node.name, ENGINES)?;
            }
            "Function" if is_function(node.name) => {}
            "Function" => return Err(Refused::Function(node.name.to_owned())),
            "Storage" | "ExpressionList" | "Identifier" => {}
            "Literal" => no_text(node)?,
            "Set" => return Err(Refused::Part("SETTINGS within it")),
            "TTLElement" => return Err(Refused::Part("TTL")),
            _ => return Err(Refused::Part("this kind of engine")),
        }
    }
    match engines {
        1 => Ok(()),
        _ => Err(Refused::Part("no ENGINE")),
    }
}

fn one_of(name: &str, known: &[&str]) -> Result<(), Refused> {
    match known.contains(&name) {
        true => Ok(()),
        false => Err(Refused::Function(name.to_owned())),
    }
}

fn no_text(node: &Node<'_>) -> Result<(), Refused> {
    match node.kind == "Literal" && node.name.contains('\'') {
        true => Err(Refused::Part(
            "texts in what is kept as a definition, as it lies in clear",
        )),
        false => Ok(()),
    }
}

fn is_of_a_type(node: &Node<'_>, nodes: &[Node<'_>]) -> bool {
    ancestors(node, nodes).any(|above| above.kind == "DataType")
}

fn is_in_codec(node: &Node<'_>, nodes: &[Node<'_>]) -> bool {
    ancestors(node, nodes).any(|above| above.kind == "Function" && above.name == "CODEC")
}

fn ancestors<'n, 'a>(
    node: &'n Node<'a>,
    nodes: &'n [Node<'a>],
) -> impl Iterator<Item = &'n Node<'a>> {
    std::iter::successors(node.parent.and_then(|at| nodes.get(at)), |above| {
        above.parent.and_then(|at| nodes.get(at))
    })
}

fn parts_of_root<'n, 'a>(nodes: &'n [Node<'a>]) -> impl Iterator<Item = (usize, &'n Node<'a>)> {
    nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.parent == Some(0))
}

/// A node and all below it, as a tree of its own.
fn below<'a>(nodes: &[Node<'a>], top: usize) -> Vec<Node<'a>> {
    let rest = nodes.iter().enumerate().skip(top);
    rest.take_while(|(at, node)| *at == top || node.parent.is_some_and(|parent| parent >= top))
        .map(|(at, node)| Node {
            parent: match at == top {
                true => None,
                false => node.parent.map(|parent| parent - top),
            },
            ..node.clone()
        })
        .collect()
}

/// Engines whose rows lie on the encrypted disk, or in memory.
const ENGINES: &[&str] = &[
    "MergeTree",
    "ReplacingMergeTree",
    "SummingMergeTree",
    "AggregatingMergeTree",
    "CollapsingMergeTree",
    "VersionedCollapsingMergeTree",
    "Memory",
];

const INDICES: &[&str] = &["minmax", "set", "bloom_filter", "ngrambf_v1", "tokenbf_v1"];

const CODECS: &[&str] = &[
    "CODEC",
    "NONE",
    "LZ4",
    "LZ4HC",
    "ZSTD",
    "Delta",
    "DoubleDelta",
    "Gorilla",
    "T64",
    "FPC",
    "GCD",
];
