//! Guessing which known word was meant by one that nobody knows.
//!
//! It compares letters alone and knows nothing of what the words stand for.

/// The known word that somebody who wrote `word` probably meant, if one is close enough.
///
/// ```
/// use openchoreo_types::spelling::nearest;
///
/// assert_eq!(nearest("biuld", ["build", "project"]), Some("build"));
/// assert_eq!(nearest("deploymentPipeline", ["deploymentPipelineRef"]), Some("deploymentPipelineRef"));
/// assert_eq!(nearest("pod", ["build", "project"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = word.to_lowercase().chars().collect();
    known
        .into_iter()
        .filter_map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().collect();
            let shorter = wrong.len().min(letters.len());
            // Leaving out an ending such as `Ref` is the commonest slip, and a long way in single letters.
            let is_prefix = shorter > 3 && (letters.starts_with(&wrong) || wrong.starts_with(&letters));
            let distance = if is_prefix { 1 } else { distance(&wrong, &letters) };
            (distance <= (shorter / 3).max(1)).then_some((distance, letters.len(), candidate))
        })
        .min()
        .map(|(_, _, candidate)| candidate)
}

/// How many letters must be added, dropped, replaced or swapped with their neighbor to turn one word into the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (index, letter) in from.iter().enumerate() {
        let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
        let mut row = vec![index + 1];
        let mut previous_other = None;
        for (column, other) in to.iter().enumerate() {
            let replaced = at(&last, column) + usize::from(letter != other);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&row, column) + 1);
            if previous == Some(other) && previous_other == Some(letter) {
                best = best.min(at(&before_last, column.saturating_sub(1)) + 1);
            }
            row.push(best);
            previous_other = Some(other);
        }
        before_last = std::mem::replace(&mut last, row);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_proposed_and_a_far_one_is_not() {
        let known = ["components", "builds", "projects", "deployments", "deploymentpipelines", "deployableartifacts"];
        let cases = [
            ("componets", Some("components")),
            ("Biulds", Some("builds")),
            ("deploy", Some("deployments")),
            ("projectsets", Some("projects")),
            ("pods", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest("word", ["", "a"]), None);
    }

    #[test]
    fn a_swap_counts_once() {
        let letters = |word: &str| word.chars().collect::<Vec<_>>();
        for (from, to, expected) in [("ab", "ba", 1), ("biuld", "build", 1), ("", "abc", 3), ("abc", "abc", 0)] {
            assert_eq!(distance(&letters(from), &letters(to)), expected, "{from} {to}");
        }
    }
}
