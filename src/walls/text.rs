//! Reads a source file as a wall sees it: without comments, without what stands in quotes, without its tests.

#![expect(
    clippy::string_slice,
    reason = "every cut is at a place that a search of the same text has found"
)]

/// The text with comments, strings and characters turned to blanks; line ends stay, so that lines can be counted.
pub(super) fn bare(source: &str) -> String {
    let letters: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < letters.len() {
        let end = match letters[at] {
            '/' if letters.get(at + 1) == Some(&'/') => line_end(&letters, at),
            '/' if letters.get(at + 1) == Some(&'*') => block_end(&letters, at),
            '"' => string_end(&letters, at + 1),
            'r' if !follows_word(&letters, at) => raw_string_end(&letters, at).unwrap_or(at),
            '\'' => character_end(&letters, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(letters[at]);
            at += 1;
        } else {
            out.extend(
                letters[at..end]
                    .iter()
                    .map(|l| if *l == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

/// Cuts away every item under `#[cfg(test)]`, and names the modules among them that have files of their own.
pub(super) fn without_tests(bare: &str) -> (String, Vec<String>) {
    let mut kept = String::new();
    let mut test_modules = Vec::new();
    let mut rest = bare;
    while let Some(start) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..start]);
        let item = &rest[start + "#[cfg(test)]".len()..];
        let length = item_length(item);
        if let Some(name) = module_of_its_own(&item[..length]) {
            test_modules.push(name);
        }
        // Line ends stay, so that what follows keeps its line number.
        kept.extend(item[..length].chars().filter(|letter| *letter == '\n'));
        rest = &item[length..];
    }
    kept.push_str(rest);
    (kept, test_modules)
}

/// Every place where this word stands alone, as (line from 1, what follows it).
pub(super) fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    text.match_indices(word).filter_map(move |(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + word.len()..];
        let open_end = word.ends_with(|last: char| !is_word(last));
        let alone = !before.is_some_and(|letter| is_word(letter) && word.starts_with(is_word))
            && (open_end || !after.chars().next().is_some_and(is_word));
        alone.then(|| (text[..at].matches('\n').count() + 1, after))
    })
}

/// The first names of what follows `crate::`: one, or each of a group in braces.
pub(super) fn first_names(after: &str) -> Vec<String> {
    let after = after.trim_start();
    let Some(group) = after.strip_prefix('{') else {
        return name_at(after).into_iter().collect();
    };
    let (mut depth, mut fresh, mut names) = (0_usize, true, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            _ if fresh && is_word(letter) => {
                names.extend(name_at(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn name_at(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|letter| is_word(*letter)).collect();
    (!name.is_empty()).then_some(name)
}

pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// How far an item reaches: to the end of its braces, or to its semicolon.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in item.char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

fn module_of_its_own(item: &str) -> Option<String> {
    let (_, name) = item.split_once("mod ")?;
    name.trim_end()
        .strip_suffix(';')
        .map(|name| name.trim().to_owned())
}

fn follows_word(letters: &[char], at: usize) -> bool {
    // `br"..."` is a raw string too; any other letter before the `r` makes it part of a name.
    at > 0
        && is_word(letters[at - 1])
        && !(letters[at - 1] == 'b' && (at < 2 || !is_word(letters[at - 2])))
}

fn line_end(letters: &[char], at: usize) -> usize {
    (at..letters.len())
        .find(|i| letters[*i] == '\n')
        .unwrap_or(letters.len())
}

fn block_end(letters: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut i = at;
    while i < letters.len() {
        match (letters[i], letters.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 1),
            ('*', Some('/')) => {
                (depth, i) = (depth - 1, i + 1);
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
        i += 1;
    }
    letters.len()
}

fn string_end(letters: &[char], mut i: usize) -> usize {
    while i < letters.len() {
        match letters[i] {
            '\\' => i += 1,
            '"' => return i + 1,
            _ => {}
        }
        i += 1;
    }
    letters.len()
}

fn raw_string_end(letters: &[char], at: usize) -> Option<usize> {
    let hashes = letters[at + 1..]
        .iter()
        .take_while(|letter| **letter == '#')
        .count();
    if letters.get(at + 1 + hashes) != Some(&'"') {
        return None;
    }
    let body = at + 2 + hashes;
    let closes =
        |i: &usize| letters[*i] == '"' && (1..=hashes).all(|n| letters.get(i + n) == Some(&'#'));
    Some(
        (body..letters.len())
            .find(closes)
            .map_or(letters.len(), |i| i + 1 + hashes),
    )
}

/// A character in single quotes; none for a lifetime.
fn character_end(letters: &[char], at: usize) -> Option<usize> {
    if letters.get(at + 1) == Some(&'\\') {
        let from = at + 3;
        return (from..letters.len())
            .find(|i| letters[*i] == '\'')
            .map(|i| i + 1);
    }
    (letters.get(at + 2) == Some(&'\'')).then_some(at + 3)
}
