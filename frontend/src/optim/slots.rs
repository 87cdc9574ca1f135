//! [`Slots`]: an optimizer's state for each model variable, made once and only ever appended.
//!
//! A linked list that is read without a lock, so that a walk over the optimizer can lend the variables.

use crate::trace::tree::Leaves;
use crate::variable::Variable;
use std::sync::OnceLock;

/// For each variable, some of the optimizer's.
pub(super) struct Slots {
    head: OnceLock<Box<Node>>,
}

struct Node {
    owner: u64,
    state: State,
    next: OnceLock<Box<Node>>,
}

/// The optimizer's variables for one variable, by name: the rule's first.
pub(super) struct State {
    variables: Vec<(&'static str, Variable)>,
    of_rule: usize,
    /// How strongly the variable decays. Decided once, as names may have a say in it that a signature does not hold.
    pub(super) decay: Option<f64>,
}

impl State {
    /// Empty; the first `of_rule` variables will be the rule's.
    pub(super) fn new(of_rule: usize, decay: Option<f64>) -> State {
        State { variables: Vec::new(), of_rule, decay }
    }

    pub(super) fn push(&mut self, name: &'static str, variable: Variable) {
        self.variables.push((name, variable));
    }

    pub(super) fn of_rule(&self) -> impl Iterator<Item = &Variable> {
        self.variables[..self.of_rule].iter().map(|(_, variable)| variable)
    }

    pub(super) fn named(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|(n, _)| *n == name).map(|(_, variable)| variable)
    }
}

impl Slots {
    pub(super) fn new() -> Self {
        Slots { head: OnceLock::new() }
    }

    /// The state for `owner`, made now if there is none.
    pub(super) fn of(&self, owner: &Variable, mut make: impl FnMut() -> State) -> &State {
        let mut link = &self.head;
        loop {
            let fresh = || Box::new(Node { owner: owner.id(), state: make(), next: OnceLock::new() });
            let node = link.get_or_init(fresh);
            if node.owner == owner.id() {
                return &node.state;
            }
            link = &node.next;
        }
    }

    /// The state for `owner`, if there is one.
    pub(super) fn find(&self, owner: &Variable) -> Option<&State> {
        self.nodes().find(|node| node.owner == owner.id()).map(|node| &node.state)
    }

    /// Shows the variables, and whose they are.
    pub(super) fn visit<'a>(&'a self, leaves: &mut Leaves<'a>) {
        let mut count = 0;
        for (index, node) in self.nodes().enumerate() {
            leaves.reference(node.owner);
            leaves.word(node.state.of_rule as u64);
            leaves.numbers(node.state.decay.as_slice());
            for (name, variable) in &node.state.variables {
                leaves.enter(name);
                leaves.enter_index(index);
                leaves.variable(variable);
                leaves.exit();
                leaves.exit();
            }
            count = index + 1;
        }
        leaves.word(count as u64);
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.head.get(), |node| node.next.get()).map(|node| &**node)
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // One by one: dropping the head would recurse through the whole list.
        let mut next = self.head.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}
