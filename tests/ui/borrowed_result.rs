use tracelift as tl;
use tl::prelude::*;

#[function]
fn first(x: &Tensor, y: &Tensor) -> &Tensor {
    x
}

fn main() {}
