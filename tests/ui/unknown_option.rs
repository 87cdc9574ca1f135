use tracelift as tl;
use tl::prelude::*;

#[function(jit)]
fn double(x: &Tensor) -> Tensor {
    x * 2.0
}

fn main() {}
