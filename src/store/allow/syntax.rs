//! What the engine's own parser makes of a statement (`EXPLAIN AST`), read back as a tree.
//!
//! Names that somebody chose stand in it as they are, line ends included, and could pretend to be nodes.
//! Each node says how many children it has; a text whose counts do not add up is no tree.

/// One node, after its parent and before its children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node<'a> {
    /// What it is, such as `Function`.
    pub(super) kind: &'a str,
    /// What stands after the kind, such as the function's name.
    pub(super) name: &'a str,
    /// The name that the statement gives it.
    pub(super) alias: Option<&'a str>,
    /// Where its parent stands in the list.
    pub(super) parent: Option<usize>,
}

/// A node whose children are still to come.
struct Open {
    at: usize,
    left: usize,
}

/// The nodes in order; none if the text is no tree.
pub(super) fn tree(text: &str) -> Option<Vec<Node<'_>>> {
    let mut nodes = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for line in text.split_terminator('\n') {
        let bare = line.trim_start_matches(' ');
        while open.last().is_some_and(|node| node.left == 0) {
            open.pop();
        }
        if line.len() - bare.len() != open.len() || (open.is_empty() && !nodes.is_empty()) {
            return None;
        }
        let parent = open.last_mut().map(|node| {
            node.left -= 1;
            node.at
        });
        let (node, children) = node(bare, parent)?;
        open.push(Open {
            at: nodes.len(),
            left: children,
        });
        nodes.push(node);
    }
    let is_whole = !nodes.is_empty() && open.iter().all(|node| node.left == 0);
    is_whole.then_some(nodes)
}

fn node(line: &str, parent: Option<usize>) -> Option<(Node<'_>, usize)> {
    if line.is_empty() || line.chars().any(char::is_control) {
        return None;
    }
    let (rest, children) = match cut(line, " (children ") {
        Some((rest, count)) => (rest, count.parse().ok()?),
        None => (line, 0),
    };
    let (rest, alias) = match cut(rest, " (alias ") {
        Some((rest, alias)) => (rest, Some(alias)),
        None => (rest, None),
    };
    let (kind, name) = rest.split_once(' ').unwrap_or((rest, ""));
    let node = Node {
        kind,
        name: name.trim(),
        alias,
        parent,
    };
    Some((node, children))
}

/// What stands before and within a bracket at the end.
fn cut<'a>(line: &'a str, opening: &str) -> Option<(&'a str, &'a str)> {
    line.strip_suffix(')')?.rsplit_once(opening)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_with_its_parents() {
        let nodes = tree("A (children 2)\n B x (alias y) (children 1)\n  C\n D\n").unwrap();
        let parents: Vec<_> = nodes.iter().map(|node| node.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(0)]);
        assert_eq!((nodes[1].name, nodes[1].alias), ("x", Some("y")));
    }

    #[test]
    fn counts_that_do_not_add_up_are_no_tree() {
        for text in [
            "",
            "A (children 1)\n",
            "A\n B\n",
            "A\nB\n",
            "A (children 1)\n  B\n",
            "A (children x)\n",
            "A (children 1)\n B\n B\n",
            "A (children 1)\n\n B\n",
        ] {
            assert_eq!(tree(text), None, "{text:?}");
        }
    }
}
