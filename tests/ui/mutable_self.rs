use tracelift as tl;
use tl::prelude::*;

#[derive(Layer)]
struct Counter {
    count: Variable,
}

impl Counter {
    #[function]
    fn add(&mut self, x: &Tensor) -> Tensor {
        x + &self.count
    }
}

fn main() {}
