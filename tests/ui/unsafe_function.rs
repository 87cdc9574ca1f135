use tracelift as tl;
use tl::prelude::*;

#[function]
unsafe fn double(x: &Tensor) -> Tensor {
    x * 2.0
}

fn main() {}
