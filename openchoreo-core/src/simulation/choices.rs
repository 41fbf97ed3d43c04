//! Where the decisions of a run come from.

/// Decisions of a run: which of the things that may happen next does. A run is a function of them, so that the same
/// choices give the same run, byte for byte.
///
/// There is one number for each turn of a run, and what is picked within a turn follows from it. So a turn can be taken
/// out of a list without changing the meaning of the others. Zero is the ordinary turn, in which the first of all
/// alternatives is picked: messages arrive in order, nothing fails.
///
/// ```
/// use openchoreo_core::simulation::Choices;
///
/// let run = |mut choices: Choices| {
///     let picked: Vec<usize> = (0..5).flat_map(|_| { choices.next_turn(); [choices.pick(10), choices.pick(3)] }).collect();
///     (picked, choices.taken().to_vec())
/// };
/// let (picked, taken) = run(Choices::of_seed(7));
/// assert_eq!(run(Choices::given(taken)).0, picked);
/// assert_eq!(run(Choices::given(Vec::new())).0, [0; 10]);
/// ```
#[derive(Clone, Debug)]
pub struct Choices {
    source: Source,
    taken: Vec<u64>,
    /// What is left of the number of this turn.
    turn: u64,
}

#[derive(Clone, Debug)]
enum Source {
    /// The state of a generator.
    Seed(u64),
    /// As given; ordinary turns after that.
    Given(Vec<u64>),
}

impl Choices {
    /// Choices without end, each list of them another one by its seed.
    pub fn of_seed(seed: u64) -> Self {
        Self { source: Source::Seed(seed), taken: Vec::new(), turn: 0 }
    }

    /// The choices of these turns, and ordinary turns after them.
    pub fn given(turns: Vec<u64>) -> Self {
        Self { source: Source::Given(turns), taken: Vec::new(), turn: 0 }
    }

    /// Begins a turn.
    pub fn next_turn(&mut self) {
        self.turn = match &mut self.source {
            Source::Seed(state) => next(state).max(1),
            Source::Given(turns) => turns.get(self.taken.len()).copied().unwrap_or(0),
        };
        self.taken.push(self.turn);
    }

    /// Picks one of so many alternatives, by number; the first where there is none.
    pub fn pick(&mut self, alternatives: usize) -> usize {
        if self.turn == 0 || alternatives == 0 {
            return 0;
        }
        usize::try_from(next(&mut self.turn) % u64::try_from(alternatives).unwrap_or(u64::MAX)).unwrap_or(0)
    }

    /// Picks one of these; the first in an ordinary turn.
    pub fn one_of<T: Copy, const N: usize>(&mut self, alternatives: [T; N]) -> T {
        alternatives[self.pick(N)]
    }

    /// Whether something happens that happens so often in a hundred times, and never in an ordinary turn.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.pick(100) >= 100 - percent.min(100)
    }

    /// The numbers of the turns so far.
    pub fn taken(&self) -> &[u64] {
        &self.taken
    }

    /// Whether nothing but ordinary turns is left.
    pub fn is_at_end(&self) -> bool {
        matches!(&self.source, Source::Given(turns) if self.taken.len() >= turns.len())
    }
}

/// The generator SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Takes turns out of a failing list, or makes them ordinary, as long as it goes on failing: `fails` runs a list, and says
/// whether it fails in the same way. Ends after so many runs at the latest.
pub fn shrink(turns: &[u64], runs: usize, mut fails: impl FnMut(&[u64]) -> bool) -> Vec<u64> {
    let mut best = turns.to_vec();
    let mut left = runs;
    let mut try_it = |candidate: Vec<u64>, best: &mut Vec<u64>| {
        let left_over = |turns: &[u64]| (turns.iter().filter(|turn| **turn != 0).count(), turns.len());
        if left == 0 || left_over(&candidate) >= left_over(best) {
            return false;
        }
        left -= 1;
        let is_failing = fails(&candidate);
        if is_failing {
            *best = candidate;
        }
        is_failing
    };
    loop {
        let before = best.len();
        let ordinary = best.iter().filter(|turn| **turn == 0).count();
        let mut length = best.len().div_ceil(2);
        while length > 0 {
            let mut start = 0;
            while start < best.len() {
                let end = (start + length).min(best.len());
                let mut without = best.clone();
                without.drain(start..end);
                let mut quiet = best.clone();
                quiet.iter_mut().take(end).skip(start).for_each(|turn| *turn = 0);
                if !try_it(without, &mut best) {
                    try_it(quiet, &mut best);
                    start += length;
                }
            }
            length /= 2;
        }
        if best.len() == before && best.iter().filter(|turn| **turn == 0).count() == ordinary {
            return best;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_list_shrinks_to_the_turns_that_matter() {
        let fails = |turns: &[u64]| turns.iter().filter(|turn| **turn % 7 == 5).count() >= 2;
        let long: Vec<u64> = (0..200).collect();
        let short = shrink(&long, 10_000, fails);
        assert_eq!(short.len(), 2, "{short:?}");
        assert!(fails(&short));
    }

    #[test]
    fn every_alternative_is_picked() {
        let mut choices = Choices::of_seed(1);
        let mut pick = || {
            choices.next_turn();
            choices.pick(10)
        };
        let picked: std::collections::BTreeSet<usize> = (0..1000).map(|_| pick()).collect();
        assert_eq!(picked.len(), 10);
    }
}
