use tracelift as tl;
use tl::prelude::*;

#[function]
fn double(x: impl IntoTensor) -> impl Tree {
    tl::add(x, 1.0)
}

fn main() {}
