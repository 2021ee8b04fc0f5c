//! What a statement from outside the program may do: read our tables, and with a key for it, work in the workbench.
//!
//! The engine's own parser says what the statement is; this judges the tree, by lists of what is
//! allowed. What is run is the text that the parser writes back, never the one that came in.

mod names;
mod syntax;
mod work;

use std::collections::BTreeSet;

use crate::record::{self, Class, Table};
use names::{is_function, is_system_table, is_table_function};
use syntax::{Node, tree};
pub(super) use work::{Meaning, WORKBENCH};

/// Writes back what the engine's parser understood: one statement, without comments. The text
/// travels as a value, so nothing of it can run here.
pub(super) const WRITE_BACK: &str = "SELECT formatQuerySingleLine({sql:String})";

/// Asks for the tree of what was written back.
pub(super) fn ask_tree(canonical: &str) -> String {
    format!("EXPLAIN AST {canonical}")
}

/// Whether columns of class content may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A statement that would show them is refused.
    Masked,
    /// They are shown: somebody answers for it in the ledger.
    Revealed,
}

/// Why a statement from outside is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is not a question.
    #[error("a statement from outside may only ask: SELECT, DESCRIBE or EXPLAIN, not {0}")]
    Kind(String),
    /// It calls a function that is not on the list.
    #[error("the function {0} is not allowed in a statement from outside")]
    Function(String),
    /// It reads a table that is not ours.
    #[error("the table {0} may not be read by a statement from outside")]
    Table(String),
    /// It has a part that is not on the list.
    #[error("a statement from outside may not have {0}")]
    Part(&'static str),
    /// It would show content.
    #[error(
        "the statement would show {column} of {table}, which is content: name other columns, or reveal it with a reason"
    )]
    Content {
        /// The column, or a star.
        column: String,
        /// The table.
        table: &'static str,
    },
    /// It would change something that is not in the workbench.
    #[error("{0} is not in the database workbench, and nothing else can be changed from outside")]
    NotTheWorkbench(String),
    /// The parser's answer is not understood.
    #[error("the statement is not understood")]
    Unclear,
}

/// The tables that a statement names.
pub(super) type Seen<'a> = BTreeSet<&'a str>;

/// Judges a question by what the parser wrote back and by the tree that `EXPLAIN AST` gave.
pub(super) fn judge(canonical: &str, ast: &str, content: Content) -> Result<(), Refused> {
    let nodes = tree(ast).ok_or(Refused::Unclear)?;
    judged_question(canonical, &nodes, content, &mut Seen::new())
}

/// What a statement from outside is, and the tables that it reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) meaning: Meaning,
    pub(super) tables: Vec<String>,
}

/// Judges a statement of a guest by what the parser wrote back and by its tree. `work` is where bare names
/// are looked up, for a guest who may work.
pub(super) fn judge_guest(
    canonical: &str,
    ast: &str,
    work: Option<&str>,
) -> Result<Judged, Refused> {
    let nodes = tree(ast).ok_or(Refused::Unclear)?;
    let mut seen = Seen::new();
    let changes = nodes
        .first()
        .is_some_and(|root| CHANGES.contains(&root.kind));
    let meaning = match work.filter(|_| changes) {
        Some(database) => work::judge(canonical, &nodes, database, &mut seen)?,
        None => {
            judged_question(canonical, &nodes, Content::Masked, &mut seen)?;
            Meaning::Ask
        }
    };
    Ok(Judged {
        meaning,
        tables: seen.into_iter().map(str::to_owned).collect(),
    })
}

fn judged_question<'a>(
    canonical: &str,
    nodes: &[Node<'a>],
    content: Content,
    seen: &mut Seen<'a>,
) -> Result<(), Refused> {
    for node in nodes {
        let parent = node.parent.and_then(|at| nodes.get(at));
        allowed(node, parent)?;
        if let Some(name) = table_name(node, nodes) {
            allowed_table(name)?;
            seen.insert(name);
        }
    }
    match content {
        Content::Revealed => Ok(()),
        Content::Masked => {
            let holding = seen.iter().filter_map(|name| with_content(name));
            let holding: Vec<_> = holding.collect();
            if let Some(table) = holding.first().filter(|_| is_natural(canonical, nodes)) {
                return Err(Refused::Content {
                    column: "*".to_owned(),
                    table: table.name,
                });
            }
            holding
                .into_iter()
                .try_for_each(|table| shows_nothing_of(table, nodes))
        }
    }
}

/// Whether a table is none of the engine's own.
pub(super) fn holds_records(table: &str) -> bool {
    !table.starts_with("system.")
}

/// Whether tables are joined by all the names that they share: content too, and none of them is said. The tree does
/// not tell `NATURAL`; it is a join without a condition, and a word that the parser writes in this one way.
fn is_natural(canonical: &str, nodes: &[Node<'_>]) -> bool {
    let bare = |(at, node): (usize, &Node<'_>)| {
        node.kind == "TableJoin" && !nodes.iter().any(|other| other.parent == Some(at))
    };
    canonical.contains("NATURAL ") && nodes.iter().enumerate().any(bare)
}

/// What a table is called in the ledger: ours by name, a guest's own as another. A bare name is looked up in `database`.
pub(super) fn entered_as(table: &str, database: &str) -> String {
    let (database, bare) = table.split_once('.').unwrap_or((database, table));
    if database != "invigil" {
        return "another".to_owned();
    }
    let ours = bare.strip_prefix("v_").unwrap_or(bare);
    match record::table(ours) {
        Some(_) => bare.to_owned(),
        None if OUR_OTHERS.contains(&ours) => bare.to_owned(),
        None => "another".to_owned(),
    }
}

/// Whether a node may be there at all.
fn allowed(node: &Node<'_>, parent: Option<&Node<'_>>) -> Result<(), Refused> {
    let Some(parent) = parent else {
        return match (node.kind, node.name) {
            ("SelectWithUnionQuery" | "DescribeQuery", "") => Ok(()),
            ("Explain", name) if EXPLAINED.contains(&name) => Ok(()),
            (kind, _) => Err(Refused::Kind(kind.to_owned())),
        };
    };
    match (parent.kind, node.kind) {
        // Where a file to write, a format or settings would stand.
        ("SelectWithUnionQuery", "ExpressionList") => Ok(()),
        ("SelectWithUnionQuery", "Literal") | ("Explain" | "DescribeQuery", "Literal") => {
            Err(Refused::Part("INTO OUTFILE"))
        }
        ("SelectWithUnionQuery" | "Explain" | "DescribeQuery", "Identifier") => {
            Err(Refused::Part("FORMAT"))
        }
        ("Explain", "SelectWithUnionQuery") | ("DescribeQuery", "TableExpression") => Ok(()),
        ("SelectWithUnionQuery" | "Explain" | "DescribeQuery", kind) => {
            Err(part(kind).unwrap_or(Refused::Unclear))
        }
        ("TableExpression", "Function") if is_table_function(node.name) => Ok(()),
        ("TableExpression", "Function") => Err(Refused::Function(node.name.to_owned())),
        (_, "Function") if is_function(node.name) => Ok(()),
        (_, "Function") => Err(Refused::Function(node.name.to_owned())),
        (_, kind) if PARTS.contains(&kind) => Ok(()),
        (_, kind) => Err(part(kind).unwrap_or(Refused::Unclear)),
    }
}

/// What a person calls a part that is not allowed.
fn part(kind: &str) -> Option<Refused> {
    Some(Refused::Part(match kind {
        "Set" => "SETTINGS within it",
        "ColumnsApplyTransformer" => "APPLY",
        "ColumnsReplaceTransformer" => "REPLACE",
        kind if kind.ends_with("Query") => "another statement within",
        _ => return None,
    }))
}

/// The table that a node names: where tables stand, and on the right of `IN`, where a name may be one.
fn table_name<'a>(node: &Node<'a>, nodes: &[Node<'a>]) -> Option<&'a str> {
    match node.kind {
        "TableIdentifier" => Some(node.name),
        "Identifier" if is_operand_of_in(node, nodes) => Some(node.name),
        _ => None,
    }
}

fn is_operand_of_in(node: &Node<'_>, nodes: &[Node<'_>]) -> bool {
    let list = node.parent.and_then(|at| nodes.get(at));
    let function = list
        .and_then(|list| list.parent)
        .and_then(|at| nodes.get(at));
    function.is_some_and(|function| {
        let name = function.name.to_ascii_lowercase();
        function.kind == "Function"
            && (name.ends_with("in") || name.ends_with("inignoreset"))
            && node_is_last(node, list, nodes)
    })
}

fn node_is_last(node: &Node<'_>, list: Option<&Node<'_>>, nodes: &[Node<'_>]) -> bool {
    let parent = list.and(node.parent);
    let last = nodes.iter().rev().find(|other| other.parent == parent);
    last.is_some_and(|last| std::ptr::eq(last, node))
}

fn allowed_table(name: &str) -> Result<(), Refused> {
    let refused = || Err(Refused::Table(name.to_owned()));
    match name.split_once('.') {
        None => Ok(()),
        Some((database, table)) if database == "system" && is_system_table(table) => Ok(()),
        Some((database, _)) if is_closed(database) => refused(),
        Some(_) => Ok(()),
    }
}

/// Databases that a statement from outside may not look bare names up in. In `default` the engine takes
/// the names of tables for those of files.
pub(super) fn is_closed(database: &str) -> bool {
    ["", "default", "system", "information_schema"]
        .iter()
        .any(|closed| closed.eq_ignore_ascii_case(database))
}

/// The table with columns of class content that a name means, itself or by the view above it.
fn with_content(name: &str) -> Option<&'static Table> {
    let bare = name.rsplit('.').next()?;
    let bare = bare.strip_prefix("v_").unwrap_or(bare);
    record::table(bare).filter(|table| table.columns.iter().any(is_content))
}

fn is_content(column: &record::Column) -> bool {
    column.class == Class::Content
}

/// Refuses every way to a column of class content: its name anywhere, a star, a pattern, new names for
/// all columns by place, and the table as a whole in an `IN`.
fn shows_nothing_of(table: &'static Table, nodes: &[Node<'_>]) -> Result<(), Refused> {
    let hidden: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| is_content(column))
        .map(|column| column.name)
        .collect();
    let shown = |column: &str| {
        Err(Refused::Content {
            column: column.to_owned(),
            table: table.name,
        })
    };
    for node in nodes {
        let parent = node.parent.and_then(|at| nodes.get(at));
        let is_star = match node.kind {
            "Asterisk" => !is_counted(parent, nodes),
            "QualifiedAsterisk" => true,
            "ExpressionList" => parent.is_some_and(|parent| parent.kind == "TableExpression"),
            "Identifier" if is_operand_of_in(node, nodes) => with_content(node.name).is_some(),
            kind => kind.ends_with("Matcher"),
        };
        if is_star {
            return shown("*");
        }
        let named = match node.kind {
            "Identifier" => node.name,
            _ => "",
        };
        let words = named.split(['.', '`', ':', '^']);
        if let Some(word) = words.chain(node.alias).find(|word| hidden.contains(word)) {
            return shown(word);
        }
    }
    Ok(())
}

/// `count(*)` names no column.
fn is_counted(list: Option<&Node<'_>>, nodes: &[Node<'_>]) -> bool {
    list.and_then(|list| list.parent)
        .and_then(|at| nodes.get(at))
        .is_some_and(|function| {
            function.kind == "Function" && function.name.eq_ignore_ascii_case("count")
        })
}

/// What only a guest who may work can ask for.
const CHANGES: &[&str] = &["CreateQuery", "DropQuery", "TruncateQuery", "InsertQuery"];

/// Tables of ours that are no records of events or registers.
const OUR_OTHERS: &[&str] = &[
    "sources",
    "rejects",
    "findings",
    "schema_migrations",
    "evidence_places",
];

/// What may be explained; no kind of it runs the statement.
const EXPLAINED: &[&str] = &[
    "EXPLAIN",
    "EXPLAIN AST",
    "EXPLAIN SYNTAX",
    "EXPLAIN QUERY TREE",
    "EXPLAIN PIPELINE",
    "EXPLAIN ESTIMATE",
];

/// The parts of a question.
const PARTS: &[&str] = &[
    "SelectWithUnionQuery",
    "SelectIntersectExceptQuery",
    "SelectQuery",
    "ExpressionList",
    "WithElement",
    "Subquery",
    "TablesInSelectQuery",
    "TablesInSelectQueryElement",
    "TableExpression",
    "TableIdentifier",
    "TableJoin",
    "ArrayJoin",
    "SampleRatio",
    "Identifier",
    "Literal",
    "Asterisk",
    "QualifiedAsterisk",
    "ColumnsRegexpMatcher",
    "ColumnsListMatcher",
    "QualifiedColumnsRegexpMatcher",
    "QualifiedColumnsListMatcher",
    "ColumnsTransformerList",
    "ColumnsExceptTransformer",
    "OrderByElement",
    "InterpolateElement",
    "WindowListElement",
    "WindowDefinition",
];
