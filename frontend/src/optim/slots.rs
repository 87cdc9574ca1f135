//! [`Slots`]: an optimizer's variables for each model variable, made once and only ever appended.
//!
//! A linked list that is read without a lock, so that a walk over the optimizer can lend the variables.

use crate::trace::tree::Leaves;
use crate::variable::Variable;
use std::sync::OnceLock;

/// For each variable, `N` variables of the optimizer.
pub(super) struct Slots<const N: usize> {
    head: OnceLock<Box<Node<N>>>,
}

struct Node<const N: usize> {
    owner: u64,
    state: [Variable; N],
    next: OnceLock<Box<Node<N>>>,
}

impl<const N: usize> Slots<N> {
    pub(super) fn new() -> Self {
        Slots { head: OnceLock::new() }
    }

    /// The variables for `owner`, made now if there are none.
    pub(super) fn of(&self, owner: &Variable, mut make: impl FnMut() -> [Variable; N]) -> &[Variable; N] {
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

    /// Shows the variables under `names`, and whose they are.
    pub(super) fn visit<'a>(&'a self, names: [&str; N], leaves: &mut Leaves<'a>) {
        let mut link = &self.head;
        let mut index = 0;
        while let Some(node) = link.get() {
            leaves.reference(node.owner);
            for (name, variable) in names.iter().zip(&node.state) {
                leaves.enter(name);
                leaves.enter_index(index);
                leaves.variable(variable);
                leaves.exit();
                leaves.exit();
            }
            (link, index) = (&node.next, index + 1);
        }
        leaves.word(index as u64);
    }
}

impl<const N: usize> Drop for Slots<N> {
    fn drop(&mut self) {
        // One by one: dropping the head would recurse through the whole list.
        let mut next = self.head.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}
