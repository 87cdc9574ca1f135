use tracelift as tl;
use tl::prelude::*;

#[function]
fn add_one(x: &mut Tensor) {
    *x = &*x + 1.0;
}

fn main() {}
